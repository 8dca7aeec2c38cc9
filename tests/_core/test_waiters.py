"""A hand-over reaches a task that can take it: never one of an ended thread, nor one of a forked child's parent."""

from collections.abc import Callable
from subprocess import CompletedProcess
from typing import Any

import pytest

import weft
import weft.native

Run = Callable[..., CompletedProcess[str]]


def abandon(wait: Callable[[], object]) -> None:
    """Let a task of an OS thread call ``wait()``, and end that thread."""
    parked = weft.Event()

    def thread() -> None:
        weft.spawn(wait)
        weft.sleep(0.01)
        parked.set()

    weft.native.start_new_thread(thread, ())
    parked.wait()
    weft.sleep(0.05)  # the thread ends


def test_an_item_is_not_given_to_a_task_whose_thread_has_ended() -> None:
    kinds: list[Any] = [weft.Queue(), weft.PriorityQueue(), weft.SimpleQueue()]
    for queue in kinds:
        abandon(queue.get)
        queue.put("item")
        assert queue.get(timeout=5) == "item"
    channel = weft.Channel[int]()
    abandon(channel.receive)
    with pytest.raises(TimeoutError):
        channel.send(1, 0.01)


def test_a_lock_is_not_given_to_a_task_whose_thread_has_ended() -> None:
    lock, semaphore, limiter, shared = weft.Lock(), weft.Semaphore(0), weft.CapacityLimiter(1), weft.RWLock()
    lock.acquire()
    limiter.acquire()
    shared.acquire_write()
    for wait in (lock.acquire, semaphore.acquire, limiter.acquire, shared.acquire_write):
        abandon(wait)
    lock.release()
    semaphore.release()
    limiter.release()
    shared.release_write()
    assert lock.acquire(timeout=5)
    assert semaphore.acquire(timeout=5)
    assert limiter.acquire(5)
    assert shared.acquire_write(5)


def test_a_notification_passes_by_a_task_whose_thread_has_ended() -> None:
    condition = weft.Condition()

    def wait() -> bool:
        with condition:
            return condition.wait(5)

    abandon(wait)
    task = weft.spawn(wait)
    weft.sleep(0)
    with condition:
        condition.notify()
    assert task.result(5)


@pytest.mark.parametrize("patch", ["", "from weft import monkey; monkey.patch_all()"])
def test_a_forked_child_gives_nothing_to_its_parents_tasks(run_python: Run, patch: str) -> None:
    done = run_python(
        patch
        + """
import os, weft
lock, rlock, semaphore, limiter = weft.Lock(), weft.RLock(), weft.Semaphore(), weft.CapacityLimiter(1)
shared, channel = weft.RWLock(), weft.Channel()
queues = weft.Queue(), weft.SimpleQueue(), weft.PriorityQueue()
full = weft.Queue(1)
full.put("old")
for held in (lock, rlock, semaphore, limiter): held.acquire()
shared.acquire_write()
waits = [held.acquire for held in (lock, rlock, semaphore, limiter)] + [queue.get for queue in queues]
waits += [shared.acquire_write, channel.receive, lambda: full.put("parent's"), lambda: weft.select(*queues)]
for wait in waits: weft.spawn(wait)
weft.sleep(0.01)
pid = os.fork()
if pid == 0:
    for held in (lock, rlock, semaphore, limiter):
        held.release()
        print(held.acquire(timeout=5), end=" ")
    shared.release_write()
    print(shared.acquire_write(5), end=" ")
    for queue in queues:
        queue.put(1)
        print(queue.get(timeout=5), end=" ")
    try: channel.send(1, 0.01)
    except TimeoutError: print("nobody", full.get(timeout=5), full.qsize(), flush=True)
    os._exit(0)
os.waitpid(pid, 0)
os._exit(0)
"""
    )
    assert done.stdout == "True True True True True 1 1 1 nobody old 0\n"


def test_a_child_that_a_handler_forks_is_woken(run_python: Run) -> None:
    """The handler forks while the main task waits, and wakes it in the child."""
    done = run_python(
        """
        import os, signal, weft
        event = weft.Event()
        parent = os.getpid()
        def handler(*_):
            if os.fork() == 0:
                event.set()
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        woken = event.wait(5 if os.getpid() != parent else 0.5)
        if os.getpid() != parent:
            print("child", woken, flush=True)
            os._exit(0)
        os.wait()
        print("parent", event.is_set())
        """
    )
    assert done.stdout == "child True\nparent False\n"
