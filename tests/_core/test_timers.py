"""How timeouts are read:

as the standard library reads them in twins, and all alike in weft's own functions.
"""

import math
import os
import queue
import select
import signal
import threading
import time
from collections.abc import Callable
from concurrent import futures
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

import pytest

import weft
from weft import select as weft_select
from weft import time as weft_time
from weft._core.timers import exact_seconds, read_seconds


class Floating:
    """Has a float, and nothing else of a number."""

    def __float__(self) -> float:
        return 0.0


class Whole:
    """Has an index, and nothing else of a number."""

    def __index__(self) -> int:
        return 0


class Broken:
    """Is no number at all."""

    def __float__(self) -> float:
        raise ZeroDivisionError


VALUES = [
    math.nan,
    math.inf,
    -math.inf,
    1e308,
    -1e308,
    9.3e9,
    10**10,
    10**20,
    -(10**20),
    10**400,
    -(10**400),
    -1,
    -1.0,
    -2,
    -0.5,
    0,
    0.0,
    0.0001,
    False,
    Fraction(1, 10000),
    Decimal("0.0001"),
    Floating(),
    Whole(),
    Broken(),
    "soon",
    b"soon",
    1j,
    [],
]
Call = Callable[[Any, Any], object]


def taken(lock: Any) -> Any:
    lock.acquire()
    return lock


def full(made: Any) -> Any:
    made.put(1)
    return made


def in_block(condition: Any, call: Callable[[Any], object]) -> object:
    with condition:
        return call(condition)


def outcome(call: Callable[[], object]) -> object:
    """What `call` returns, or the type and (but for TypeError) the text of what it raises."""
    try:
        return call()
    except TypeError:
        return TypeError
    except Exception as error:
        return type(error), str(error)


STANDARD: Any = type("Standard", (), dict(vars(threading), **vars(queue), Future=futures.Future, sleep=time.sleep))
OURS: Any = type(
    "Ours", (), {name: getattr(weft, name) for name in weft.__all__} | {"Future": weft.executors.Future, "sleep": weft_time.sleep}
)
CALLS: dict[str, Call] = {
    "a lock": lambda of, v: taken(of.Lock()).acquire(timeout=v),
    "a free lock": lambda of, v: of.Lock().acquire(timeout=v),
    "a lock without waiting": lambda of, v: of.Lock().acquire(False, v),
    "an rlock": lambda of, v: of.RLock().acquire(timeout=v),
    "a semaphore": lambda of, v: of.Semaphore(0).acquire(timeout=v),
    "a free semaphore": lambda of, v: of.Semaphore(1).acquire(timeout=v),
    "a semaphore without waiting": lambda of, v: of.Semaphore(1).acquire(False, v),
    "an event": lambda of, v: of.Event().wait(v),
    "a condition": lambda of, v: in_block(of.Condition(), lambda condition: condition.wait(v)),
    "a predicate": lambda of, v: in_block(of.Condition(), lambda condition: condition.wait_for(lambda: 0, v)),
    "a true predicate": lambda of, v: in_block(of.Condition(), lambda condition: condition.wait_for(lambda: 1, v)),
    "get": lambda of, v: of.Queue().get(timeout=v),
    "get what is there": lambda of, v: full(of.Queue()).get(timeout=v),
    "get without waiting": lambda of, v: full(of.Queue()).get(False, v),
    "put": lambda of, v: full(of.Queue(1)).put(1, timeout=v),
    "put where there is room": lambda of, v: of.PriorityQueue(1).put(1, timeout=v),
    "put without a bound": lambda of, v: of.LifoQueue().put(1, timeout=v),
    "a simple queue": lambda of, v: of.SimpleQueue().get(timeout=v),
    "a simple queue that is not empty": lambda of, v: full(of.SimpleQueue()).get(timeout=v),
    "a barrier": lambda of, v: of.Barrier(2).wait(v),
    "a future": lambda of, v: of.Future().result(v),
    "sleep": lambda of, v: of.sleep(v),
}
# the standard library's spin with NaN
LOOPS = {"a semaphore", "a predicate", "get", "put", "a barrier"}


@pytest.mark.parametrize("name", CALLS)
def test_a_twin_reads_a_timeout_as_the_standard_library_does(name: str) -> None:
    for value in VALUES:
        if name == "a lock" and not isinstance(value, Whole | Floating | Broken | str | bytes | complex | list) and value == -1:
            continue  # as long as it takes
        if name in LOOPS and isinstance(value, float) and math.isnan(value):
            assert outcome(lambda: CALLS[name](OURS, math.nan)) == (ValueError, "Invalid value NaN (not a number)")
            continue
        ours, theirs = outcome(partial(CALLS[name], OURS, value)), outcome(partial(CALLS[name], STANDARD, value))
        if isinstance(value, float) and math.isnan(value) and ours == (ValueError, "Invalid value NaN (not a number)"):
            continue  # the first releases of 3.14 took it for 0 in places
        assert ours == theirs, value


POLLS: dict[str, Call] = {
    "select": lambda of, v: of.select([], [], [], v),
    "poll": lambda of, v: of.poll().poll(v),
    "epoll": lambda of, v: of.epoll().poll(v),
}


@pytest.mark.parametrize("name", [name for name in POLLS if hasattr(select, name)])
def test_a_poller_reads_a_timeout_as_the_standard_library_does(name: str) -> None:
    more = [2**31, 2**31 - 0.5, -(2**31) - 2, 10**10, -(10**12), 10**13, 1e13, 2**63, -(2**70)]
    for value in [*VALUES, *more]:
        theirs: Any = outcome(partial(with_alarm, partial(POLLS[name], select, value)))
        ours = outcome(partial(with_alarm, partial(POLLS[name], weft_select, value)))
        assert ours == theirs, value


def with_alarm(call: Callable[[], object]) -> object:
    """Call `call`, and end what it waits for after a moment: then it takes as long as it takes."""

    def ring(*_: object) -> None:
        raise RuntimeError("it waits")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        return call()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


OWN: dict[str, Call] = {
    "join": lambda task, v: task.join(v),
    "result": lambda task, v: task.result(v),
    "joinall": lambda task, v: weft.joinall([task], v),
    "wait": lambda task, v: weft.wait([task], v),
    "as_completed": lambda task, v: list(weft.as_completed([task], v)),
    "select": lambda task, v: weft.select(weft.Event(), timeout=v),
    "send": lambda task, v: weft.Channel().send(1, v),
    "receive": lambda task, v: weft.Channel().receive(v),
    "reading": lambda task, v: weft.RWLock().acquire_read(v),
    "limiter": lambda task, v: weft.CapacityLimiter(1).acquire(v),
    "timeout": lambda task, v: weft.timeout(v),
    "move_on_after": lambda task, v: weft.move_on_after(v),
    "deadline": lambda task, v: weft.CancelScope(deadline=v),
    "after": lambda task, v: weft.after(v),
}


@pytest.mark.parametrize("name", OWN)
def test_wefts_own_functions_refuse_what_is_no_time(name: str) -> None:
    task = weft.spawn(weft.sleep, 60)
    for value, error in ((math.nan, ValueError), ("soon", TypeError), ([], TypeError), (1j, TypeError), (10**400, OverflowError)):
        with pytest.raises(error, match="soon" if value == "soon" else None):
            OWN[name](task, value)
    assert task.cancel()


def test_infinity_is_no_limit_and_what_is_negative_is_none_left() -> None:
    assert [read_seconds(value) for value in (None, math.inf, 1e308, 10**300)] == [None] * 4
    assert [read_seconds(value) for value in (-1, -math.inf, 0, False)] == [0.0] * 4
    assert [read_seconds(value) for value in (1, True, Fraction(1, 2), Decimal("0.5"))] == [1.0, 1.0, 0.5, 0.5]
    with weft.timeout(math.inf), weft.move_on_after(math.inf):
        weft.sleep(0)
    channel: weft.Channel[int] = weft.Channel(1)
    weft.spawn(channel.send, 1)
    assert channel.receive(math.inf) == 1


def test_a_number_of_the_standard_clock() -> None:
    assert exact_seconds(Whole()) == 0.0
    assert exact_seconds(-3) == -3.0
    for value in (9.3e9, 10**10, 10**400):
        with pytest.raises(OverflowError, match="timestamp"):
            exact_seconds(value)


def test_a_refused_timeout_leaves_no_trace() -> None:
    channel: weft.Channel[str] = weft.Channel()
    items: weft.Queue[str] = weft.Queue(1)
    items.put("first")
    event = weft.Event()
    other: weft.Channel[str] = weft.Channel()
    for call in (
        lambda: channel.send("lost", timeout="soon"),  # type: ignore[arg-type]
        lambda: channel.receive(timeout="soon"),  # type: ignore[arg-type]
        lambda: weft.select(weft.sending(other, "lost"), event, timeout="soon"),  # type: ignore[arg-type]
        lambda: items.put("lost", timeout="soon"),  # type: ignore[arg-type]
        lambda: event.wait("soon"),  # type: ignore[arg-type]
        lambda: weft.spawn_later("soon", event.set),  # type: ignore[arg-type]
    ):
        with pytest.raises(TypeError):
            call()
    for source in (channel, other):
        with pytest.raises(weft.WouldBlock):
            source.receive_nowait()
        with pytest.raises(weft.WouldBlock):
            source.send_nowait("nobody waits")
    assert items.get_nowait() == "first"
    assert items.empty()
    assert not event.waiters


@pytest.mark.skipif(not hasattr(os, "fork"), reason="one descriptor too few can be had on POSIX alone")
def test_a_thread_whose_first_use_is_refused_leaves_no_waiter(run_python: Callable[..., Any]) -> None:
    run_python(
        """
        import os, resource, threading
        import weft

        channel, items, lock = weft.Channel(), weft.Queue(), weft.RWLock()
        weft.sleep(0)
        seen = []

        def refused(call):
            taken = []
            try:
                while True:
                    taken.append(os.dup(0))
            except OSError:
                pass
            try:
                call()
            except OSError as error:
                seen.append(error.errno)
            finally:
                for number in taken:
                    os.close(number)

        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        for call in (lambda: channel.receive(), lambda: channel.send(1), lambda: items.get()):
            thread = threading.Thread(target=refused, args=(call,))
            thread.start()
            thread.join()
        assert len(seen) == 3, seen
        assert repr(channel).endswith("0 sending, 0 receiving>"), channel
        assert "0 getting" in repr(items), items
        """
    )
