"""Raw greenlets beside tasks: who runs them, and what becomes of their ends."""

from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

Run = Callable[..., CompletedProcess[str]]


def test_a_greenlet_that_ends_after_its_task_ends_where_it_was_switched_to(run_python: Run) -> None:
    done = run_python("""
import greenlet, weft

def make(fails):
    def body():
        greenlet.getcurrent().parent.switch("first")
        if fails:
            raise KeyError("end")
        return "second"
    made = greenlet.greenlet(body)
    print(made.switch())
    return made

def finish(made):
    try:
        return made.switch()
    except KeyError as error:
        return repr(error)

for fails in (False, True):
    made = weft.spawn(make, fails).result()
    weft.joinall([weft.spawn(weft.sleep, 0.001) for _ in range(3)])
    print(finish(made))
    made = weft.spawn(make, fails).result()
    print(weft.spawn(finish, made).result())
print(weft.spawn(int, "7").result())
""")
    assert done.stdout.split("\n") == ["first", "second"] * 2 + ["first", "KeyError('end')"] * 2 + ["7", ""]


def test_a_greenlet_of_a_parked_task_gives_its_value_to_whoever_ran_it(run_python: Run) -> None:
    done = run_python("""
import greenlet, weft

made = []

def make():
    made.append(greenlet.greenlet(lambda: "value"))
    weft.sleep(0.05)
    return "slept"

task = weft.spawn(make)
weft.sleep(0)
print(made[0].switch(), task.done(), task.result())
""")
    assert done.stdout == "value False slept\n"


def test_an_exception_thrown_into_a_parked_task_is_its_own(run_python: Run) -> None:
    done = run_python("""
import greenlet, weft

def wait(how):
    places.append(greenlet.getcurrent())
    how()

lock = weft.Lock()
lock.acquire()
queue = weft.Queue()
for how in (lambda: weft.sleep(60), lock.acquire, queue.get, lambda: weft.Event().wait()):
    places = []
    task = weft.spawn(wait, how)
    weft.sleep(0)
    places[0].throw(KeyError("thrown"))
    print(task.join(5), repr(task.exception()))
    places = []
    task = weft.spawn(wait, how)
    thrower = weft.spawn(lambda: places[0].throw(KeyError("thrown")))
    print(weft.joinall([task, thrower], 5) == [task, thrower], repr(task.exception()), thrower.exception())
queue.put("kept")
lock.release()
print(queue.get(), lock.acquire(), weft.spawn(int, "7").result())
""")
    assert done.stdout.splitlines() == ["True KeyError('thrown')", "True KeyError('thrown') None"] * 4 + ["kept True 7"]


def test_a_bare_switch_to_a_parked_task_wakes_nobody(run_python: Run) -> None:
    done = run_python("""
import greenlet, weft

places = []

def wait():
    places.append(greenlet.getcurrent())
    weft.sleep(0.05)
    return "slept"

task = weft.spawn(wait)
weft.sleep(0)
for _ in range(3):
    places[0].switch()
print(task.done(), task.result())
""")
    assert done.stdout == "False slept\n"


def test_a_switch_to_what_lies_below_a_task_comes_back(run_python: Run) -> None:
    done = run_python("""
import greenlet, weft

def below():
    parent = greenlet.getcurrent().parent
    return parent.switch("value")

print(weft.spawn(below).result(), weft.spawn(int, "7").result())
""")
    assert done.stdout == "value 7\n"


MAKERS = {
    "a greenlet": """
    made = greenlet.greenlet(body)
    made.switch()
    return made
""",
    "an iterator": """
    made = weft.iterator(body)()
    next(made)
    return made
""",
}


@pytest.mark.parametrize("ends", ["first", "while tasks run"])
@pytest.mark.parametrize("kind", MAKERS)
def test_what_another_thread_drops_ends_where_its_own_thread_may_wait(run_python: Run, kind: str, ends: str) -> None:
    """Its clean-up waits. It runs between two steps of a task, and not in the middle of a switch from one task to the next."""
    done = run_python(
        """
import greenlet, sys, weft
from weft import native

cleaned = []

def body():
    try:
        if sys.argv[1] == "a greenlet":
            greenlet.getcurrent().parent.switch()
        else:
            weft.emit(1)
    finally:
        weft.sleep(0.001)
        cleaned.append(1)

def make():
"""
        + MAKERS[kind]
        + """
def drop(box):
    if sys.argv[2] != "first":
        native.sleep(0.001)
    box.clear()

def work():
    for step in range(20):
        weft.sleep(0 if step % 3 else 0.0005)

for _ in range(20):
    box = [make() for _ in range(3)]
    native.start_new_thread(drop, (box,))
    if sys.argv[2] == "first":
        native.sleep(0.002)  # the thread has ended before anybody waits
    tasks = [weft.spawn(work) for _ in range(4)]
    assert weft.joinall(tasks, 10) == tasks
while len(cleaned) < 60:
    weft.sleep(0.001)
print("all")
""",
        kind,
        ends,
    )
    assert (done.stdout, done.stderr) == ("all\n", "")


DROPPED = """
import greenlet, os, signal as standard, sys, threading, time, weft
import weft.signal as signal

box, log = [], []

def clean_up():
    try:
        greenlet.getcurrent().parent.switch()
    finally:
        weft.sleep(0.05)
        log.append("cleaned")

def put():
    made = greenlet.greenlet(clean_up)
    made.switch()
    box.append(made)

def drop(*_):
    thread = threading.Thread(target=box.clear)
    thread.start()
    while thread.is_alive():
        time.sleep(0.001)  # not weft's: it lets go of the interpreter's lock
"""


def test_what_is_dropped_while_a_signal_handler_runs(run_python: Run) -> None:
    done = run_python(
        DROPPED
        + """
signal.signal(standard.SIGUSR1, drop)
lock = weft.Lock()

def hold():
    with lock:
        os.kill(os.getpid(), standard.SIGUSR1)
        weft.sleep(0.02)

def work():
    weft.sleep(0.01)

weft.sleep(0.01)
put()
free = weft.Lock()
for _ in range(1023):  # the next lock gives way, so that the handler runs in the main task's wait for it
    with free:
        pass
tasks = [weft.spawn(hold), *(weft.spawn(work) for _ in range(3))]
with lock:
    pass
assert weft.joinall(tasks, 10) == tasks
weft.sleep(0.1)
print(*log)
"""
    )
    assert done.stdout == "cleaned\n"


def test_a_lock_that_is_handed_over_during_a_clean_up_has_one_holder(run_python: Run) -> None:
    done = run_python(
        DROPPED
        + """
lock = weft.RLock()

def hold():
    with lock:
        weft.sleep(0.02)

def later():
    weft.sleep(0.03)
    with lock:
        log.append("in")
        weft.sleep(0.1)
        log.append("out")

tasks = [weft.spawn(hold), weft.spawn(later)]
weft.sleep(0.001)
put()
drop()
with lock:
    log.append("in")
    log.append("out")
for task in tasks:
    task.result()
log.remove("cleaned")
print(*log)
"""
    )
    assert done.stdout == "in out in out\n"


def test_what_is_dropped_while_the_poller_is_opened_anew(run_python: Run) -> None:
    """To open it lets go of the interpreter's lock, in the middle of a look."""
    done = run_python(
        DROPPED
        + """
sys.setswitchinterval(1000)
stop = go = False

def thread():
    while not stop:
        if go and box:
            box.clear()
        time.sleep(0)

def work():
    while not stop:
        weft.sleep(0)

threading.Thread(target=thread, daemon=True).start()
tasks = [weft.spawn(work) for _ in range(3)]
weft.sleep(0.01)
for _ in range(50):
    put()
    for number in os.listdir("/proc/self/fd"):
        try:
            if "eventpoll" in os.readlink("/proc/self/fd/" + number):
                os.close(int(number))
        except OSError:
            pass
    go = True
    for _ in range(30):
        weft.sleep(0)
    go = False
    box.clear()
    weft.sleep(0.001)
stop = True
assert weft.joinall(tasks, 10) == tasks
print("all", flush=True)
os._exit(0)
"""
    )
    assert done.stdout == "all\n"


def test_a_greenlet_that_is_traced_by_a_function_that_fails(run_python: Run) -> None:
    done = run_python(
        """
import greenlet, weft

def trace(event, what):
    raise ValueError("trace")

weft.spawn(weft.sleep, 0.01)
greenlet.settrace(trace)
try:
    weft.sleep(0.02)
except ValueError:
    pass
greenlet.settrace(None)
print(weft.spawn(int, "7").result(5))
""",
        check=False,
    )
    assert done.stdout == "7\n"


def test_an_import_without_greenlet_names_it(run_python: Run) -> None:
    done = run_python(
        """
import sys
sys.modules["greenlet"] = None
try:
    import weft
except ImportError as error:
    print(error)
""",
        check=False,
    )
    assert "greenlet" in done.stdout, done.stderr


def test_a_tracer_of_greenlet_that_waits_is_refused_in_the_middle_of_a_switch(run_python: Run) -> None:
    done = run_python(
        """
        import greenlet, weft
        busy = False
        def tracer(event, arguments):
            global busy
            if not busy:
                busy = True
                try: weft.sleep(0)
                except RuntimeError as error: print("settrace" in str(error))
                finally: busy = False
        tasks = [weft.spawn(weft.sleep, 0.001) for _ in range(3)]
        greenlet.settrace(tracer)
        for _ in range(20): weft.sleep(0.001)
        greenlet.settrace(None)
        print([task.done() for task in tasks])
        """
    )
    assert done.stdout.splitlines()[-1] == "[True, True, True]"
    assert set(done.stdout.splitlines()[:-1]) <= {"True"}
