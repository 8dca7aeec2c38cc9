"""Locks and their kin, between tasks and between threads."""

import threading
from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

import weft

Run = Callable[..., CompletedProcess[str]]


@pytest.mark.parametrize("kind", [weft.Lock, weft.RLock, weft.Semaphore, weft.BoundedSemaphore])
def test_a_lock_is_handed_on_in_turn(kind: Callable[[], weft.Lock]) -> None:
    lock = kind()
    order: list[int] = []

    def enter(number: int) -> None:
        with lock:
            order.append(number)
            weft.sleep(0)

    weft.joinall([weft.spawn(enter, number) for number in range(100)])
    assert order == list(range(100))
    assert lock.acquire(False)


@pytest.mark.parametrize("kind", [weft.Lock, weft.RLock, weft.Semaphore])
def test_a_waiter_that_gives_up_loses_nothing(kind: Callable[[], weft.Lock]) -> None:
    lock = kind()
    lock.acquire()
    late = weft.spawn(lock.acquire, True, 0.01)
    cancelled = weft.spawn(lock.acquire)
    last = weft.spawn(lock.acquire)
    assert late.result() is False
    cancelled.cancel()
    cancelled.join()
    assert not last.done()
    lock.release()
    assert last.result() is True


def test_cancelled_after_the_hand_over_the_lock_is_still_released() -> None:
    lock = weft.Lock()
    lock.acquire()

    def enter() -> None:
        with lock:
            weft.sleep(60)

    task = weft.spawn(enter)
    weft.sleep(0)
    lock.release()
    task.cancel()
    task.join()
    assert task.cancelled()
    assert not lock.locked()


def test_locks_refuse_what_threadings_refuse() -> None:
    with pytest.raises(RuntimeError, match="unlocked"):
        weft.Lock().release()
    with pytest.raises(RuntimeError, match="un-acquired"):
        weft.RLock().release()
    with pytest.raises(ValueError, match="non-blocking"):
        weft.Lock().acquire(False, 1)
    with pytest.raises(ValueError, match="non-negative"):
        weft.Lock().acquire(True, -2)
    bounded = weft.BoundedSemaphore(1)
    with pytest.raises(ValueError, match="too many"):
        bounded.release()


def test_an_rlock_belongs_to_its_task() -> None:
    lock = weft.RLock()
    with lock, lock:
        assert weft.spawn(lock.acquire, False).result() is False
    assert not lock.locked()


def test_an_event_wakes_everybody() -> None:
    event = weft.Event()
    tasks = [weft.spawn(event.wait) for _ in range(1000)]
    late = weft.spawn(event.wait, 0.001)
    assert late.result() is False
    event.set()
    assert all(task.result() for task in tasks)
    event.clear()
    assert not event.is_set()


def test_a_condition_notifies_as_many_as_asked() -> None:
    condition = weft.Condition()
    woken: list[bool] = []

    def wait() -> None:
        with condition:
            woken.append(condition.wait(30))

    tasks = [weft.spawn(wait) for _ in range(3)]
    weft.sleep(0)
    with condition:
        condition.notify(2)
    weft.joinall(tasks, timeout=0.05)
    assert woken == [True, True]
    with condition:
        condition.notify_all()
    weft.joinall(tasks)
    assert woken == [True] * 3


def test_a_cancelled_condition_takes_its_lock_again() -> None:
    condition = weft.Condition()

    def wait() -> None:
        with condition:
            condition.wait()

    task = weft.spawn(wait)
    weft.sleep(0)
    with condition:
        task.cancel()
        weft.sleep(0)
        assert not task.done()
    task.join()
    assert task.cancelled()


def test_wait_for_returns_the_predicates_value() -> None:
    condition = weft.Condition()
    items: list[int] = []

    def fill() -> None:
        with condition:
            items.append(1)
            condition.notify()

    weft.spawn(fill)
    with condition:
        assert condition.wait_for(lambda: len(items)) == 1
        assert condition.wait_for(lambda: len(items) > 1, timeout=0.01) is False


def test_real_threads_and_tasks_share_a_lock() -> None:
    lock = weft.Lock()
    counts = [0]

    def count() -> None:
        for _ in range(200):
            with lock:
                seen = counts[0]
                weft.sleep(0)
                counts[0] = seen + 1

    def thread() -> None:
        weft.joinall([weft.spawn(count) for _ in range(3)])

    threads = [threading.Thread(target=thread) for _ in range(3)]
    for started in threads:
        started.start()
    thread()
    for started in threads:
        started.join()
    assert counts == [4 * 3 * 200]


def test_a_hundred_thousand_tasks_wait_in_one_line_and_all_give_up() -> None:
    lock = weft.Lock()
    lock.acquire()
    tasks = [weft.spawn(lock.acquire, True, 0.5) for _ in range(100_000)]
    assert len(weft.joinall(tasks)) == 100_000
    assert not any(task.result() for task in tasks)
    assert "0 waiting" in repr(lock)


def test_a_lock_that_nobody_can_release_is_a_deadlock(run_python: Run) -> None:
    done = run_python("import weft\nlock = weft.Lock()\nlock.acquire()\nlock.acquire()", check=False)
    assert done.returncode == 1
    assert "DeadlockError" in done.stderr
    assert "main" in done.stderr
    assert "weft.Lock" in done.stderr


def test_a_task_cancelled_while_it_retakes_the_lock_of_a_condition() -> None:
    condition = weft.Condition()
    notified = []

    def wait() -> None:
        with condition:
            notified.append(condition.wait())  # it was notified first
            condition.wait()

    task = weft.spawn(wait)
    weft.sleep(0)
    with condition:
        condition.notify()
        weft.sleep(0)
        task.cancel()
        weft.sleep(0)
    task.join(5)
    assert (notified, task.cancelled()) == ([True], True)
    with condition:  # nobody kept the lock
        pass
