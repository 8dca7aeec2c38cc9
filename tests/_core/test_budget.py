"""The cooperative budget: calls that never wait starve nobody, and a task that holds a lock is not made to give way at every question."""

import functools
import queue
import select
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import weft
from weft import select as twin
from weft import socket as cooperative


def finished() -> "weft.Task[int]":
    task = weft.spawn(int)
    task.join()
    return task


def event() -> weft.Event:
    made = weft.Event()
    made.set()
    return made


def held() -> weft.Lock:
    """Return a lock that another task holds: who holds one has a larger budget."""
    lock = weft.Lock()
    weft.spawn(lock.acquire).join()
    return lock


class Other:
    """A task that counts its turns during a block."""

    def __init__(self) -> None:
        self.turns = 0
        self.done = False

    def run(self) -> None:
        while not self.done:
            self.turns += 1
            weft.sleep(0)

    def __enter__(self) -> "Other":
        self.task = weft.spawn(self.run)
        return self

    def __exit__(self, *_: object) -> None:
        self.done = True
        self.task.join()


def nothing(call: Callable[[], object]) -> Callable[[], None]:
    """Return what makes a call that finds nothing."""

    def use() -> None:
        with pytest.raises((weft.WouldBlock, queue.Empty, TimeoutError, BlockingIOError)):
            call()

    return use


def both(put: Callable[[int], object], get: Callable[[], object]) -> Callable[[], object]:
    return lambda: (put(1), get())


kept: list[tuple[socket.socket, socket.socket]] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    while kept:
        for one in kept.pop():
            one.close()


def calls() -> dict[str, Callable[[], Any]]:
    queues: dict[str, Any] = {kind.__name__: kind() for kind in (weft.Queue, weft.LifoQueue, weft.PriorityQueue, weft.SimpleQueue)}
    channel, empty = weft.Channel[int](10), weft.Channel[int]()
    semaphore, limiter, shared = weft.Semaphore(2), weft.CapacityLimiter(2), weft.RWLock()
    lock, rlock, condition = weft.Lock(), weft.RLock(), weft.Condition()
    task, set_event, unset, taken = finished(), event(), weft.Event(), held()
    a, b = cooperative.socketpair()
    kept.append((a, b))
    a.setblocking(False)
    poll = twin.poll()
    poll.register(b, select.POLLIN)

    def notify() -> None:
        with condition:
            condition.notify()

    return {
        **{f"{name}: put and get": both(each.put, each.get) for name, each in queues.items()},
        "Queue: get_nowait": nothing(weft.Queue().get_nowait),
        "Queue: empty": weft.Queue().empty,
        "Queue: full": weft.Queue().full,
        "Queue: qsize": weft.Queue().qsize,
        "Channel: send and receive": both(channel.send, channel.receive),
        "Channel: receive_nowait": nothing(empty.receive_nowait),
        "Semaphore": lambda: (semaphore.acquire(), semaphore.release()),
        "Semaphore: refused": lambda: weft.Semaphore(0).acquire(False),
        "Event: is_set": unset.is_set,
        "Event: wait for a set one": set_event.wait,
        "Event: wait 0": lambda: unset.wait(0),
        "Condition": notify,
        "CapacityLimiter": lambda: (limiter.acquire(), limiter.release()),
        "RWLock": lambda: (shared.acquire_read(), shared.release_read()),
        "Lock": lambda: (lock.acquire(), lock.release()),
        "Lock: refused": lambda: taken.acquire(False),
        "Lock: locked": lock.locked,
        "RLock": lambda: (rlock.acquire(), rlock.release()),
        "Task: result": task.result,
        "Task: join": task.join,
        "Task: done": task.done,
        "select: ready": lambda: weft.select(set_event),
        "select: timeout 0": nothing(lambda: weft.select(unset, timeout=0)),
        "select.select, timeout 0": lambda: twin.select([b], [], [], 0),
        "poll, timeout 0": lambda: poll.poll(0),
        "a socket that does not block": nothing(lambda: a.recv(1)),
    }


NAMES = list(calls())


def in_a_task(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test in a task of its own: the main task may hold locks of other tests, and has a larger budget then."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        weft.spawn(test, *args, **kwargs).result()

    return run


@pytest.mark.parametrize("name", NAMES)
@in_a_task
def test_a_loop_of_calls_that_need_not_wait_lets_others_run(name: str) -> None:
    call = calls()[name]
    with Other() as other:
        for _ in range(3000):
            call()
        assert other.turns > 1


@in_a_task
def test_a_poll_does_not_give_way_each_time() -> None:
    a, b = socket.socketpair()
    with a, b, Other() as other:
        for _ in range(1000):
            poll = twin.poll()
            poll.register(a, select.POLLIN)
            assert poll.poll(0) == []
        assert other.turns < 300


@in_a_task
def test_who_holds_a_lock_is_not_made_to_give_way_at_a_few_questions() -> None:
    """The others would all come to wait for the lock, and it would go from one to the next for ever."""
    lock, questions = weft.Lock(), weft.Event()
    inside: list[str] = []

    def pool(name: str) -> None:
        for _ in range(5):
            with lock:
                inside.append(name)
                for _ in range(400):
                    questions.is_set()
                inside.append(name)

    weft.joinall([weft.spawn(pool, name) for name in "abc"])
    assert all(first == second for first, second in zip(inside[::2], inside[1::2], strict=True))
    assert lock.acquire(False)


@in_a_task
def test_a_lock_that_is_held_for_long_starves_nobody() -> None:
    lock, flag = weft.Lock(), weft.Event()
    weft.spawn(flag.set)
    with lock:
        while not flag.is_set():
            pass


@in_a_task
def test_locks_that_are_dropped_while_held_count_no_more() -> None:
    for kind in (weft.Lock, weft.RLock):
        for _ in range(10):
            kind().acquire()
    unset = weft.Event()
    with Other() as other:
        for _ in range(3000):
            unset.is_set()
        assert other.turns > 1
