"""Calls on real threads, while their task is parked."""

import threading
import time
from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

import weft
from weft._core.offload import ThreadPool

Run = Callable[..., CompletedProcess[str]]


def test_it_runs_elsewhere_and_returns_here() -> None:
    assert weft.offload(threading.get_ident) != threading.get_ident()
    assert weft.offload(divmod, 7, 2) == (3, 1)
    assert weft.offload(dict, a=1) == {"a": 1}
    with pytest.raises(ValueError, match="invalid literal"):
        weft.offload(int, "x")


def test_others_go_on_meanwhile() -> None:
    began = time.monotonic()
    weft.joinall([weft.spawn(weft.offload, time.sleep, 0.3) for _ in range(4)])
    assert time.monotonic() - began < 1


def test_more_jobs_than_threads_all_get_done() -> None:
    tasks = [weft.spawn(weft.offload, abs, -number) for number in range(1000)]
    assert [task.result() for task in tasks] == list(range(1000))


def test_a_cancelled_task_leaves_its_job_behind() -> None:
    held = threading.Lock()
    held.acquire()
    task = weft.spawn(weft.offload, held.acquire)
    weft.sleep(0.01)
    task.cancel()
    assert task.join(timeout=10)
    assert task.cancelled()
    held.release()


def test_idle_threads_do_not_hide_a_deadlock(run_python: Run) -> None:
    done = run_python("import weft\nweft.offload(int)\nweft.sleep(0.05)\nweft.Event().wait()", check=False)
    assert "DeadlockError" in done.stderr


def test_a_forked_child_has_threads_of_its_own(run_python: Run) -> None:
    done = run_python("""
import os, weft
weft.offload(int)
child = os.fork()
if child:
    os.waitpid(child, 0)
print("parent" if child else "child", weft.offload(len, "four"), flush=True)
if not child:
    os._exit(0)
""")
    assert done.stdout == "child 4\nparent 4\n"


def test_a_signal_handler_may_offload_at_any_moment(run_python: Run) -> None:
    program = """
    import signal
    import weft

    handled = 0
    busy = False

    def handler(*_):
        global handled, busy
        if not busy:
            busy = True
            try:
                weft.offload(int)
                handled += 1
            finally:
                busy = False

    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    while handled < 300:
        weft.offload(int)
    signal.setitimer(signal.ITIMER_REAL, 0)
    print("done")
    """
    assert run_python(program).stdout == "done\n"


def test_a_finalizer_may_offload_while_another_call_does(run_python: Run) -> None:
    program = """
    import gc
    import weft

    class Offloads:
        def __init__(self):
            self.me = self

        def __del__(self):
            done.append(weft.offload(int))

    done = []
    gc.set_threshold(1)
    for _ in range(300):
        Offloads()
        assert weft.offload(len, [1]) == 1
    gc.collect()
    print(len(done))
    """
    assert run_python(program).stdout == "300\n"


def test_a_thread_that_cannot_be_started(run_python: Run) -> None:
    program = """
    import _thread
    real, refused = _thread.start_new_thread, []

    def start(*args):
        if refused:
            raise RuntimeError("can't start new thread")
        return real(*args)

    _thread.start_new_thread = start
    import threading
    import weft

    refused.append(True)
    for _ in range(2):
        try:
            weft.offload(int)
        except RuntimeError as error:
            print(error)
    refused.clear()
    gate = threading.Event()
    first = weft.spawn(weft.offload, gate.wait)
    weft.sleep(0)
    refused.append(True)
    rest = [weft.spawn(weft.offload, int) for _ in range(3)]
    weft.sleep(0)
    gate.set()
    print([task.result() for task in rest], first.result())
    """
    assert run_python(program).stdout == "can't start new thread\n" * 2 + "[0, 0, 0] True\n"


@pytest.mark.parametrize("idle", [True, False])
def test_a_call_at_the_end_of_the_interpreter_is_refused(run_python: Run, idle: bool) -> None:
    assert run_python(AT_THE_END, "idle" if idle else "new").stdout == "True\n"


AT_THE_END = """
import os, sys, weft

class Last:
    def __del__(self, write=os.write, refusal=RuntimeError):
        try:
            weft.offload(int)
        except refusal:
            write(1, b"True\\n")

queue = weft.Queue()
queue.put(Last())
if sys.argv[1] == "idle":
    weft.offload(int)
weft.sleep(0.001)
"""


def test_a_call_that_is_cancelled_while_it_waits_for_a_thread_is_never_made() -> None:
    pool = ThreadPool(1)
    gate, made = threading.Event(), []
    first = weft.spawn(pool.call, gate.wait)
    second = weft.spawn(pool.call, made.append, 1)
    weft.sleep(0)
    second.cancel()
    second.join()
    gate.set()
    assert first.result()
    assert pool.call(int) == 0
    assert made == []


def test_a_call_that_forks_ends_the_child_where_it_returns(run_python: Run) -> None:
    program = """
    import os
    import weft

    def forks(fail):
        if not os.fork():
            print("child", flush=True)
            if fail:
                raise ZeroDivisionError

    weft.spawn(weft.sleep, 60)
    for fail in (False, True):
        weft.offload(forks, fail)
        print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
    """
    done = run_python(program)
    assert done.stdout == "child\n0\nchild\n1\n"
    assert "ZeroDivisionError" in done.stderr
