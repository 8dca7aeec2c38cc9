"""A scheduler for each thread: made whole or not at all, ended with its thread, begun anew in a forked child."""

from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

Run = Callable[..., CompletedProcess[str]]

SLEEPERS = """
import weft

def work():
    def sleeper(number):
        while True:
            weft.sleep(0.001 * (number + 1))
    def computer():
        while True:
            sum(range(1000))
            weft.sleep(0)
    for number in range(5):
        weft.spawn(sleeper, number)
    weft.spawn(computer)
    begun.release()
    weft.Event().wait(WAIT)
"""


@pytest.mark.parametrize(
    "end",
    [
        "pass",
        "import sys; sys.exit(0)",
        "import os; os._exit(0)",
        "weft.spawn(__import__('sys').exit, 0); weft.sleep(5)",
        "import atexit; atexit.register(lambda: weft.joinall([weft.spawn(weft.sleep, 0.01)]))",
        "import atexit; atexit.register(weft.sleep, 0.05)",
    ],
)
@pytest.mark.parametrize(("daemon", "wait"), [(True, 1000), (False, 0.05)])
def test_the_interpreter_ends_while_threads_run_tasks(run_python: Run, daemon: bool, wait: float, end: str) -> None:
    for _ in range(3):
        done = run_python(
            SLEEPERS.replace("WAIT", str(wait))
            + f"""
import threading
begun = threading.Semaphore(0)
for _ in range(4):
    threading.Thread(target=work, daemon={daemon}).start()
for _ in range(4):
    begun.acquire()
weft.sleep(0.02)
{end}
"""
        )
        assert done.stderr == ""


def test_no_descriptor_left_when_a_thread_first_waits(run_python: Run) -> None:
    done = run_python(
        """
import os, resource, threading, weft

weft.sleep(0)
least = os.open("/dev/null", 0)
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]

def work():
    for room in range(4):
        resource.setrlimit(resource.RLIMIT_NOFILE, (least + 1 + room, hard))
        try:
            weft.sleep(0)
            print("slept with", room)
        except OSError as error:
            print(error.errno)
    print(weft.spawn(int, "7").result())

thread = threading.Thread(target=work)
thread.start()
thread.join()
print(weft.spawn(int, "8").result())
""",
        WEFT_POLLER="epoll",
    )
    assert done.stdout.split() == ["24", "24", "24", "slept", "with", "3", "7", "8"]


def test_finalizers_of_a_threads_locals_may_take_locks_and_wait(run_python: Run) -> None:
    done = run_python("""
import os, threading, weft

class Connection:
    lock = weft.Lock()
    closed = 0
    def __del__(self):
        with Connection.lock:
            weft.sleep(0.001)
            Connection.closed += 1

local = weft.local()

def work():
    local.connection = Connection()

def count():
    return len(os.listdir("/proc/self/fd"))

work()
before = count()
for _ in range(20):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
print(Connection.closed, count() - before)
""")
    assert done.stdout == "20 0\n"


def test_finalizers_that_run_after_a_threads_end_leak_nothing(run_python: Run) -> None:
    done = run_python("""
import contextvars, os, threading, weft

class Late:
    def __del__(self):
        weft.sleep(0.001)

variable = contextvars.ContextVar("variable")

def count():
    return len(os.listdir("/proc/self/fd"))

def run(work):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

def work():
    weft.sleep(0)
    variable.set(Late())

run(work)
before = count()
for _ in range(20):
    run(work)
run(lambda: weft.sleep(0))
print(count() - before <= 3)
""")
    assert done.stdout == "True\n"


@pytest.mark.parametrize(
    ("statement", "status", "said"),
    [
        ("raise ValueError('in the child')", 1, "ValueError: in the child"),
        ("sys.exit(3)", 3, ""),
        ("sys.exit()", 0, ""),
        ("sys.exit('words')", 1, "words"),
        ("return", 0, ""),
        ("raise KeyboardInterrupt", -2, "KeyboardInterrupt"),
        ("weft.current_task().cancel(); weft.sleep(0)", 0, ""),
    ],
)
def test_a_task_that_forked_ends_the_child_with_its_own_outcome(run_python: Run, statement: str, status: int, said: str) -> None:
    done = run_python(f"""
import os, sys, weft

def fork():
    child = os.fork()
    if child == 0:
        print("unflushed", end="")
        {statement}
        return
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

print(weft.spawn(fork).result())
""")
    assert done.stdout == f"unflushed{status}\n"
    assert said in done.stderr
    assert bool(said) == bool(done.stderr)


def test_a_child_waits_for_threads_that_it_started(run_python: Run) -> None:
    done = run_python("""
from weft import monkey; monkey.patch_all()
import os, threading, time, weft

def late():
    time.sleep(0.05)
    print("late", flush=True)

def fork():
    child = os.fork()
    if child == 0:
        threading.Thread(target=late).start()
        return
    os.waitpid(child, 0)

weft.spawn(fork).result()
""")
    assert done.stdout == "late\n"
    assert done.stderr == ""


def test_threading_is_whole_in_the_child_of_a_task(run_python: Run) -> None:
    done = run_python("""
from weft import monkey; monkey.patch_all()
import os, threading, weft

def fork():
    child = os.fork()
    if child == 0:
        thread = threading.Thread(target=int)
        thread.start()
        thread.join()
        print(threading.current_thread() is threading.main_thread(), threading.active_count(), flush=True)
        os._exit(0)
    os.waitpid(child, 0)

weft.spawn(fork).result()
fork()
""")
    assert done.stdout == "True 1\n" * 2
    assert done.stderr == ""


def test_a_signal_in_a_threads_child_writes_into_no_file_of_the_childs(run_python: Run) -> None:
    done = run_python("""
import os, signal, tempfile, threading, warnings, weft

warnings.simplefilter("ignore")
weft.sleep(0.01)

def fork():
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGUSR1, lambda *_: None)
        files = [tempfile.TemporaryFile() for _ in range(6)]
        os.kill(os.getpid(), signal.SIGUSR1)
        print([os.pread(file.fileno(), 10, 0) for file in files], flush=True)
        os._exit(0)
    os.waitpid(child, 0)

thread = threading.Thread(target=fork)
thread.start()
thread.join()
""")
    assert done.stdout == f"{[b''] * 6}\n"


def test_no_descriptor_left_in_a_forked_child(run_python: Run) -> None:
    done = run_python("""
import os, resource, weft

weft.sleep(0.01)
least = os.open("/dev/null", 0)
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
child = os.fork()
if child == 0:
    for _ in range(2):
        try:
            weft.sleep(0.001)
            print("slept", flush=True)
        except OSError as error:
            print(error.errno, flush=True)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    weft.sleep(0.001)
    print(weft.spawn(int, "7").result(), flush=True)
    os._exit(0)
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(os.waitpid(child, 0)[1])
""")
    assert done.stdout.split() == ["24", "24", "7", "0"]


def test_nothing_is_missed_while_a_thread_makes_its_scheduler(run_python: Run) -> None:
    done = run_python("""
import os, threading, weft

ways = {
    "event": lambda: (lambda event: (event.set, event.wait))(weft.Event()),
    "semaphore": lambda: (lambda semaphore: (semaphore.release, semaphore.acquire))(weft.Semaphore(0)),
    "queue": lambda: (lambda queue: (lambda: queue.put(1), queue.get))(weft.Queue()),
    "simple queue": lambda: (lambda queue: (lambda: queue.put(1), queue.get))(weft.SimpleQueue()),
    "priority queue": lambda: (lambda queue: (lambda: queue.put(1), queue.get))(weft.PriorityQueue()),
    "channel": lambda: (lambda channel: (lambda: channel.send(1), channel.receive))(weft.Channel(1)),
    "rendezvous": lambda: (lambda channel: (channel.receive, lambda: channel.send(1)))(weft.Channel()),
    "full queue": lambda: (lambda queue: (queue.put(0), (queue.get, lambda: queue.put(1)))[1])(weft.Queue(1)),
    "joined queue": lambda: (lambda queue: (queue.put(0), (queue.task_done, queue.join))[1])(weft.Queue()),
}
plain = os.pipe  # what the scheduler's door is made of: here others run
for name, way in ways.items():
    for _ in range(20):
        wake, wait = way()

        def pipe():
            threading.Thread(target=wake).start()
            ends = plain()
            weft_native_sleep(0.002)
            return ends

        from weft.native import sleep as weft_native_sleep
        thread = threading.Thread(target=wait, daemon=True)
        os.pipe = pipe
        thread.start()
        thread.join(5)
        os.pipe = plain
        assert not thread.is_alive(), name
print("ended")
""")
    assert done.stdout == "ended\n"


WAITS = {
    "sleep": ("weft.sleep(0.2)", "None"),
    "wait_readable": ("weft.wait_readable(r) or os.read(r, 1)", "b'x'"),
    "wait_readable with a timeout": ("weft.wait_readable(r, 10) or os.read(r, 1)", "b'x'"),
    "wait_readable that times out": ("weft.wait_readable(empty, 0.2)", "TimeoutError()"),
    "recv": ("sock.recv(1)", "b'x'"),
    "recv with a timeout": ("sock.settimeout(10) or sock.recv(1)", "b'x'"),
    "select": ("weft.select(weft.readable(r))[1] or os.read(r, 1)", "b'x'"),
    "select's alarm": ("type(weft.select(weft.readable(empty), weft.after(0.2))[0])", "after"),
    "select that times out": ("weft.select(weft.readable(empty), timeout=0.2)", "TimeoutError()"),
    "an event": ("event.wait(10)", "True"),
    "an event that times out": ("weft.Event().wait(0.2)", "False"),
    "a queue": ("items.get(timeout=10)", "b'x'"),
    "a call on a thread": ("weft.offload(native.sleep, 0.2)", "None RuntimeError()"),
}


@pytest.mark.parametrize("poller", ["", "poll"])
@pytest.mark.parametrize("kind", WAITS)
def test_a_wait_goes_on_in_the_child_that_a_handler_forked(run_python: Run, kind: str, poller: str) -> None:
    call, outcome = WAITS[kind]
    done = run_python(
        r"""
import os, signal, socket, sys, warnings, weft, weft.socket
from weft import native
warnings.simplefilter("ignore")
r, w = os.pipe()
empty, _ = os.pipe()
os.set_blocking(r, False)  # a wake that comes too early is an error
ours, theirs = socket.socketpair()
sock = weft.socket.socket(fileno=ours.detach())
event, items = weft.Event(), weft.SimpleQueue()
children = []

def give():
    os.write(w, b"xx")
    theirs.send(b"xx")
    event.set()
    items.put(b"x")

def fork(*_):
    children.append(os.fork())
    if children[0] == 0:
        signal.alarm(10)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    weft.spawn_later(0.1, give)

signal.signal(signal.SIGALRM, fork)
signal.setitimer(signal.ITIMER_REAL, 0.05)
try:
    outcome = eval(sys.argv[1])
except Exception as error:
    outcome = type(error)
name = outcome
if isinstance(outcome, type):
    name = outcome.__name__ + "()" * issubclass(outcome, Exception)
os.write(1, f"{name} {weft.spawn(abs, -1).result(5)}\n".encode())  # in one piece
if children[0]:
    assert os.waitpid(children[0], 0)[1] == 0
""",
        call,
        WEFT_POLLER=poller or None,
    )
    lines = [f"{word} 1" for word in outcome.split()]
    assert sorted(done.stdout.splitlines()) == sorted(lines * (2 // len(lines)))


@pytest.mark.parametrize("wait", ["weft.sleep(0)", "weft.sleep(0.01)", "weft.Event().wait(0.01)"])
def test_who_waits_in_a_hook_of_the_fork_runs_no_fiber_of_the_parent(run_python: Run, wait: str) -> None:
    source = f"""
import os

def hook():
    {wait}

os.register_at_fork(after_in_child=lambda: hook())  # before weft's own

import weft

def tick():
    for _ in range(3):
        weft.sleep(0)
    os.write(1, b"the parent\\n" if os.getpid() == parent else b"a child runs the parent's task\\n")

parent = os.getpid()
tasks = [weft.spawn(tick), weft.spawn_later(0.005, tick)]
weft.sleep(0)
pid = os.fork()
if not pid:
    task = weft.spawn(weft.sleep, 0.02)
    os._exit(7 if task.join(10) else 8)
weft.joinall(tasks)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
    assert run_python(source).stdout == "the parent\nthe parent\n7\n"


def test_a_thread_s_first_scheduler_imports_nothing(run_python: Run) -> None:
    # A signal handler that waits in the middle of the import would meet a module half made.
    source = """
import sys
import weft

before = set(sys.modules)
weft.sleep(0)
print([name for name in set(sys.modules) - before if name.startswith("weft")])
"""
    assert run_python(source).stdout == "[]\n"


def test_a_poller_that_cannot_be_opened_again_is_told_to_the_main_task(run_python: Run) -> None:
    """A task ends, nobody else can run, and each look fails: the main task gets the error, and the thread does not look for ever."""
    done = run_python(
        """
        import os, resource, weft, weft.native
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        own = [int(n) for n in os.listdir("/proc/self/fd")]
        weft.sleep(0.001)
        poller = [int(n) for n in os.listdir("/proc/self/fd") if int(n) not in own]
        poller = [n for n in poller if os.path.exists(f"/proc/self/fd/{n}") and "eventpoll" in os.readlink(f"/proc/self/fd/{n}")]
        def task():
            for number in poller:
                weft.native.close(number)
                assert os.open("/dev/null", os.O_RDONLY) == number
            free = os.dup(0)
            os.close(free)
            resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
        weft.spawn(task)
        try:
            weft.sleep(0.1)
        except OSError as error:
            print(error.errno == 24)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        weft.sleep(0.01)
        print("goes on", len(poller))
        """,
        WEFT_POLLER=None,  # poll(2) has nothing to open
    )
    assert done.stdout == "True\ngoes on 1\n"


def test_memory_refused_at_the_end_of_a_task_stops_no_scheduler(run_python: Run) -> None:
    """One refused allocation after the other. greenlet itself ends the process where it cannot save a stack."""
    for place in range(1, 8):
        done = run_python(
            """
            import sys, weft
            import _testcapi
            for _ in range(3): weft.spawn(int).join(1)
            place = int(sys.argv[1])
            _testcapi.set_nomemory(place, place + 1)
            try: weft.spawn(int).join(1)
            except BaseException: pass
            finally: _testcapi.remove_mem_hooks()
            print(weft.spawn(int).result(10))
            """,
            str(place),
            check=False,
        )
        assert done.stdout == "0\n" or "slp_switch" in done.stderr or "_testcapi" in done.stderr
