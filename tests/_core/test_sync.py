"""Locks and their kin, between tasks and between threads."""

import sys
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
    with pytest.raises(ValueError, match=r"non-negative|positive"):
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


@pytest.mark.parametrize("lock", ["weft.RLock()", "weft.Lock()", "None", "threading.RLock()"])
def test_a_deadlock_gets_out_of_a_condition_that_takes_its_lock_again(run_python: Run, lock: str) -> None:
    program = f"""
    import threading
    import weft
    import weft.monkey

    if {lock!r}.startswith("threading"):
        weft.monkey.patch_all()
        condition = threading.Condition({lock})
    else:
        condition = weft.Condition({lock})

    def holder():
        with condition:
            weft.Event().wait()

    try:
        with condition:
            weft.spawn(holder)
            condition.wait(0.01)
    except weft.DeadlockError as error:
        print("holder" in str(error))
    print(len(condition.waiters) if hasattr(condition, "waiters") else 0)
    """
    assert run_python(program).stdout == "True\n0\n"


@pytest.mark.parametrize("block", ["condition", "lock"])
@pytest.mark.parametrize("kind", ["Lock", "RLock"])
def test_ctrl_c_does_not_wait_for_the_lock_of_a_condition(run_python: Run, kind: str, block: str) -> None:
    program = f"""
    import os, signal
    import weft

    lock = weft.{kind}()
    condition = weft.Condition(lock)
    release = weft.Event()

    def holder():
        with condition:
            condition.notify()
            weft.sleep(0)  # the main task waits for the lock by now
            weft.spawn(os.kill, os.getpid(), signal.SIGINT)
            release.wait()
            print("still", lock.locked())

    try:
        with {block}:
            task = weft.spawn(holder)
            condition.wait()
    except KeyboardInterrupt as error:
        print("interrupted", error.__context__)
    print(lock.owner is task)
    release.set()
    task.result()
    print(lock.locked(), lock.acquire(False))
    lock.release()
    try:
        lock.release()
    except RuntimeError:
        print("once")
    """
    assert run_python(program).stdout == "interrupted None\nTrue\nstill True\nFalse True\nonce\n"


def test_a_notification_of_a_task_that_cannot_use_it_goes_on() -> None:
    class Odd:
        """A lock that fails when it is taken again."""

        fails = 0

        def acquire(self, blocking: bool = True) -> bool:
            if blocking and self.fails:
                self.fails -= 1
                raise ZeroDivisionError
            return blocking

        def release(self) -> None: ...

        def __enter__(self) -> bool:
            return self.acquire()

        def __exit__(self, *_: object) -> None: ...

    odd = Odd()
    condition = weft.Condition(odd)  # type: ignore[arg-type]

    def wait() -> str:
        with condition:
            condition.wait()
        return "notified"

    first, second = weft.spawn(wait), weft.spawn(wait)
    weft.sleep(0)
    odd.fails = 1
    condition.notify()
    assert isinstance(first.exception(), ZeroDivisionError)
    assert second.result(1) == "notified"


def test_a_condition_whose_lock_cannot_be_given_up_leaves_no_waiter() -> None:
    class Broken:
        def acquire(self, blocking: bool = True) -> bool:
            return not blocking or True

        def _is_owned(self) -> bool:
            return True

        def release(self) -> None:
            raise ZeroDivisionError

    condition = weft.Condition(Broken())  # type: ignore[arg-type]
    with pytest.raises(ZeroDivisionError):
        condition.wait()
    assert not condition.waiters


@pytest.mark.parametrize("n", ["two", None, 10**30])
def test_a_refused_number_of_permits_changes_nothing(n: object) -> None:
    for semaphore in (weft.Semaphore(0), weft.BoundedSemaphore(1)):
        before = repr(semaphore)
        with pytest.raises((TypeError, OverflowError)):
            semaphore.release(n)  # type: ignore[arg-type]
        assert repr(semaphore) == before
    most = weft.Semaphore(sys.maxsize)
    with pytest.raises(OverflowError):
        most.release()
    assert most.acquire(False)


@pytest.mark.parametrize("condition", ["weft.Condition()", "threading.Condition()", "threading.Condition(threading.Lock())"])
def test_a_clean_up_that_notifies_does_not_mask_ctrl_c(run_python: Run, condition: str) -> None:
    """Ctrl-C gets out of a condition's wait without the lock; the usual ``finally: notify_all()`` must not raise another error."""
    done = run_python(
        f"""
        from weft import monkey; monkey.patch_all()
        import os, signal, threading, weft
        condition = {condition}
        def hold():
            with condition:
                condition.notify()
                weft.sleep(0.5)
        try:
            with condition:
                weft.spawn(hold)
                weft.spawn_later(0.1, os.kill, os.getpid(), signal.SIGINT)
                try: condition.wait()
                finally: condition.notify_all()
        except KeyboardInterrupt:
            print("interrupted")
        """
    )
    assert done.stdout == "interrupted\n"
