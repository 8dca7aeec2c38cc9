"""Signals after patching: handlers run in the main task, whoever runs; waiting for a signal parks."""

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

Run = Callable[..., CompletedProcess[str]]
PATCH = "from weft import monkey\nmonkey.patch_all()\nimport os, signal, sys, threading, time, weft\n"
INTERRUPTED = (
    PATCH
    + """
import subprocess
killer = subprocess.Popen(["sh", "-c", f"sleep 0.3; kill -INT {os.getpid()}"])
def busy():
    while not stop: pass
stop = False
"""
)


def test_ctrl_c_ends_the_program_and_not_the_thread_that_happens_to_run(run_python: Run) -> None:
    done = run_python(
        INTERRUPTED
        + """
thread = threading.Thread(target=busy)
try:
    thread.start()
    thread.join()
except KeyboardInterrupt:
    stop = True
    thread.join()
    print("interrupted", thread.is_alive(), killer.wait())
"""
    )
    assert (done.stdout, done.stderr) == ("interrupted False 0\n", "")


def test_ctrl_c_ends_a_program_that_takes_locks_and_never_waits(run_python: Run) -> None:
    done = run_python(
        INTERRUPTED
        + """
weft.spawn(busy)
lock = threading.Lock()
try:
    while True:
        with lock: pass
except KeyboardInterrupt:
    stop = True
    print("interrupted", lock.locked() and sys.version_info[:2] != (3, 14), killer.wait())  # 3.14 may break in after __enter__
"""
    )
    assert (done.stdout, done.stderr) == ("interrupted False 0\n", "")


def test_a_handler_runs_in_the_main_task_and_may_wait(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
def handler(number, frame):
    time.sleep(0.01)
    seen.append((signal.Signals(number).name, threading.current_thread() is threading.main_thread()))
seen = []
print(repr(signal.signal(signal.SIGUSR1, handler)), signal.getsignal(signal.SIGUSR1) is handler)
thread = threading.Thread(target=signal.raise_signal, args=(signal.SIGUSR1,))
thread.start(); thread.join()
print(seen)
def elsewhere():
    try: signal.signal(signal.SIGUSR1, handler)
    except ValueError as error: print(error)
thread = threading.Thread(target=elsewhere)
thread.start(); thread.join()
"""
    )
    assert done.stdout == ("<Handlers.SIG_DFL: 0> True\n[('SIGUSR1', True)]\nsignal only works in main thread of the main interpreter\n")


def test_waiting_for_a_signal_parks(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
waiter = weft.spawn(signal.sigwait, [signal.SIGUSR2])
weft.sleep(0.05)
print(waiter.done())
os.kill(os.getpid(), signal.SIGUSR2)
print(waiter.result(5) is signal.SIGUSR2, signal.sigtimedwait([signal.SIGUSR2], 0.01))
signal.signal(signal.SIGALRM, lambda *_: print("alarm"))
signal.setitimer(signal.ITIMER_REAL, 0.05)
signal.pause()
"""
    )
    assert done.stdout == "False\nTrue None\nalarm\n"


def test_the_timeout_of_a_wait_is_read_as_the_standard_module_reads_it(run_python: Run) -> None:
    source = """
import decimal, signal, threading
class Index:
    def __index__(self): return 0
def ask(timeout):
    try: print(signal.sigtimedwait([signal.SIGUSR1], timeout))
    except Exception as error: print(type(error).__name__, error)
def work():
    for timeout in (float("inf"), -float("inf"), float("nan"), 1e308, 2**63, -1, -0.5): ask(timeout)
    for timeout in (decimal.Decimal("0.01"), "1", None, Index(), 0, 0.01, True): ask(timeout)
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""
    standard = run_python(source).stdout
    assert standard.count("\n") == 14
    assert run_python(PATCH + source).stdout == standard


def test_a_blocked_signal_is_not_delivered_to_a_thread_of_ours(run_python: Run, tmp_path: Path) -> None:
    done = run_python(
        PATCH
        + f"""
import socket
socket.getaddrinfo("localhost", 80)
weft.open({str(tmp_path / "file")!r}, "w").close()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
threading.Timer(0.05, os.kill, [os.getpid(), signal.SIGUSR1]).start()
print(signal.sigwait([signal.SIGUSR1]).name)
"""
    )
    assert (done.stdout, done.stderr) == ("SIGUSR1\n", "")


def test_the_wakeup_descriptor_gets_the_number(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
r, w = os.pipe()
os.set_blocking(w, False)
print(signal.set_wakeup_fd(w))
signal.signal(signal.SIGUSR1, lambda *_: None)
reader = weft.spawn(os.read, r, 1)
weft.sleep(0.01)
os.kill(os.getpid(), signal.SIGUSR1)
print(reader.result(5) == bytes([signal.SIGUSR1]), signal.set_wakeup_fd(-1) == w)
"""
    )
    assert done.stdout == "-1\nTrue True\n"


def test_a_task_that_only_polls_starves_nobody(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
import queue, select, socket
a, b = socket.socketpair()
b.setblocking(False)
lock, waiting, done = threading.Lock(), queue.Queue(), []
lock.acquire()
def polls(call):
    while not done: call()
def quietly(call, *errors):
    try: call()
    except errors: pass
for call in (
    lambda: lock.acquire(False),
    lambda: quietly(waiting.get_nowait, queue.Empty),
    lambda: quietly(lambda: b.recv(1), BlockingIOError),
    lambda: select.select([], [a], []),
):
    done.clear()
    thread = threading.Thread(target=polls, args=(call,))
    thread.start()
    time.sleep(0.01)
    done.append(True)
    thread.join()
print("all had their turn")
"""
    )
    assert done.stdout == "all had their turn\n"


def test_the_mask_of_a_task_is_its_own(run_python: Run) -> None:
    done = run_python(
        PATCH
        + """
def masks():
    return [len(signal.pthread_sigmask(signal.SIG_BLOCK, given)) for given in ([signal.SIGUSR1], signal.valid_signals(), ())]
print(weft.spawn(masks).result()[:2])
signal.signal(signal.SIGUSR1, lambda *_: print("not blocked"))
os.kill(os.getpid(), signal.SIGUSR1)
time.sleep(0)
change = signal.pthread_sigmask
print(change(signal.SIG_BLOCK, [signal.SIGUSR1]), change(signal.SIG_UNBLOCK, [signal.SIGUSR1]) == {signal.SIGUSR1})
"""
    )
    assert done.stdout == "[0, 1]\nnot blocked\nset() True\n"
