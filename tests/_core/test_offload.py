"""Calls on real threads, while their task is parked."""

import threading
import time
from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

import weft

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
