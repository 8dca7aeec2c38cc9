"""Locks that several hold, and who holds them."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as some

import weft
import weft.native


def test_owner_and_waiters_are_visible() -> None:
    for lock in (weft.Lock(), weft.RLock()):
        tasks = []

        def work(lock: weft.Lock | weft.RLock = lock) -> None:
            with lock:
                weft.sleep(0)

        assert (lock.owner, lock.waiters) == (None, [])
        tasks = [weft.spawn(work) for _ in range(3)]
        weft.sleep(0)
        assert (lock.owner, lock.waiters) == (tasks[0], tasks[1:])
        weft.joinall(tasks)
        assert (lock.owner, lock.waiters) == (None, [])
    semaphore, event, condition = weft.Semaphore(0), weft.Event(), weft.Condition()
    waiting = [weft.spawn(semaphore.acquire), weft.spawn(event.wait)]
    weft.sleep(0)
    assert [semaphore.waiters, event.waiters, condition.waiters] == [[waiting[0]], [waiting[1]], []]
    semaphore.release()
    event.set()
    weft.joinall(waiting)


def test_readers_share_and_a_writer_is_alone() -> None:
    lock = weft.RWLock()
    order = []

    def read(name: str) -> None:
        with lock.reading():
            order.append(f"{name} {len(lock.readers)}")
            weft.sleep(0)
            weft.sleep(0)

    def write(name: str) -> None:
        with lock.writing():
            assert lock.readers == []
            assert lock.writer is weft.current_task()
            order.append(name)
            weft.sleep(0)

    weft.gather(lambda: read("first"), lambda: read("second"), lambda: write("writer"), lambda: read("behind"), lambda: write("last"))
    assert order == ["first 1", "second 2", "writer", "behind 1", "last"]
    assert (lock.readers, lock.writer, lock.waiters) == ([], None, [])


def test_a_writer_that_gives_up_lets_the_readers_pass() -> None:
    lock = weft.RWLock()
    with lock.reading():
        writer = weft.spawn(lock.acquire_write, 0.01)
        weft.sleep(0)
        reader = weft.spawn(lock.acquire_read)
        weft.sleep(0)
        assert lock.waiters == [writer, reader]
        assert not lock.acquire_write(timeout=0)
        assert writer.result() is False
        assert reader.result() is True
    with pytest.raises(RuntimeError, match="does not hold for reading"):
        lock.release_read()
    with pytest.raises(RuntimeError, match="does not hold for writing"):
        lock.release_write()


@given(some.lists(some.tuples(some.booleans(), some.integers(0, 3)), max_size=12), some.lists(some.integers(0, 12), max_size=4))
def test_whoever_is_cancelled_the_lock_stays_right(wishes: list[tuple[bool, int]], cancelled: list[int]) -> None:
    lock = weft.RWLock()
    reading = writing = 0

    def work(writes: bool, turns: int) -> None:
        nonlocal reading, writing
        with lock.writing() if writes else lock.reading():
            writing += writes
            reading += not writes
            try:
                assert not (writing and (reading or writing > 1))
                for _ in range(turns):
                    weft.sleep(0)
            finally:
                writing -= writes
                reading -= not writes

    tasks = [weft.spawn(work, writes, turns) for writes, turns in wishes]
    for index in cancelled:
        weft.sleep(0)
        if index < len(tasks):
            tasks[index].cancel()
    weft.joinall(tasks)
    assert [task for task in tasks if not task.cancelled() and task.exception()] == []
    assert (lock.readers, lock.writer, lock.waiters) == ([], None, [])


def test_a_limiter_knows_its_borrowers() -> None:
    limiter = weft.CapacityLimiter(2)

    def work() -> None:
        with limiter:
            assert weft.current_task() in limiter.borrowers
            with pytest.raises(RuntimeError, match="already"):
                limiter.acquire()
            weft.sleep(0)

    tasks = [weft.spawn(work) for _ in range(10)]
    weft.sleep(0)
    assert len(limiter.waiters) == 8
    limiter.total_tokens = 5
    assert limiter.borrowed_tokens == 5
    limiter.total_tokens = 1
    weft.joinall(tasks)
    assert [task.exception() for task in tasks] == [None] * 10
    assert limiter.available_tokens == 1
    limiter.total_tokens = float("inf")
    with pytest.raises(RuntimeError, match="holds no token"):
        limiter.release()
    with pytest.raises(ValueError, match="at least 1"):
        limiter.total_tokens = 0


def test_giving_up_a_token_that_never_came() -> None:
    limiter = weft.CapacityLimiter(1)
    with limiter:
        other = weft.spawn(limiter.acquire, 0.001)
        third = weft.spawn(limiter.acquire)
        assert other.result() is False
        third.cancel()
        third.join()
    assert limiter.available_tokens == 1
    assert limiter.waiters == []


def test_a_barrier_is_that_of_threading() -> None:
    barrier = weft.Barrier(3, action=lambda: met.append(True))
    met: list[bool] = []
    tasks = [weft.spawn(barrier.wait) for _ in range(3)]
    assert sorted(task.result() for task in tasks) == [0, 1, 2]
    assert met == [True]
    with pytest.raises(threading.BrokenBarrierError):
        barrier.wait(timeout=0.001)
    assert barrier.broken
    barrier.reset()
    task = weft.spawn(barrier.wait)
    weft.sleep(0)
    task.cancel()
    task.join()
    assert barrier.n_waiting == 0


def test_locks_are_shared_with_real_threads() -> None:
    lock = weft.RWLock()
    limiter = weft.CapacityLimiter(1)
    done: weft.Queue[int] = weft.Queue()
    counter = 0

    def work() -> None:
        nonlocal counter
        for _ in range(200):
            with lock.writing(), limiter:
                value = counter
                weft.sleep(0)
                counter = value + 1
        done.put(1)

    for start in (weft.native.start_new_thread, weft.native.start_new_thread, lambda fn, args: weft.spawn(fn)):
        start(work, ())
    for _ in range(3):
        done.get(timeout=60)
    assert counter == 600
