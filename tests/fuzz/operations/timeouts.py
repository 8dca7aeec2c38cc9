"""Timeouts that are no ordinary numbers, for every call that takes one."""

import math
import queue
from collections.abc import Callable
from random import Random

import weft

from ..world import World, check
from . import operation

ODD = (math.nan, math.inf, -math.inf, -1, -0.0, 1e-320, 1e308, -1e308, 10**400, True)


class Odd:
    """A number whose conversion raises, waits or gives a number."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __float__(self) -> float:
        if self.kind == "raises":
            raise LookupError("an odd number")
        if self.kind == "waits":
            weft.sleep(0)
        return 0.001

    def __index__(self) -> int:
        return int(float(self))


def locked() -> weft.Lock:
    """Return a lock that somebody holds."""
    lock = weft.Lock()
    lock.acquire()
    return lock


def wait_condition(timeout: object) -> None:
    """Wait for a condition of one's own."""
    with (condition := weft.Condition()):
        condition.wait(timeout)


def within(timeout: object) -> None:
    """Wait inside a scope."""
    with weft.timeout(timeout):
        weft.sleep(0.001)


CALLS: tuple[Callable[[object], object], ...] = (
    lambda timeout: locked().acquire(timeout=timeout),
    lambda timeout: weft.Semaphore(0).acquire(timeout=timeout),
    lambda timeout: weft.Event().wait(timeout),
    lambda timeout: weft.Queue().get(timeout=timeout),
    lambda timeout: weft.SimpleQueue().get(timeout=timeout),
    lambda timeout: weft.PriorityQueue().get(True, timeout),
    lambda timeout: weft.Channel(0).send(1, timeout=timeout),
    lambda timeout: weft.Channel(0).receive(timeout=timeout),
    lambda timeout: weft.select(weft.Event(), timeout=timeout),
    lambda timeout: weft.select(weft.after(timeout), timeout=0.001),
    lambda timeout: weft.RWLock().acquire_write(timeout),
    lambda timeout: weft.current_task() and weft.wait([], timeout=timeout),
    lambda timeout: weft.joinall([], timeout),
    wait_condition,
    within,
    weft.sleep,
    lambda timeout: weft.spawn_later(timeout, int).cancel(),
)
ACCEPTED = (ValueError, OverflowError, TimeoutError, queue.Empty, queue.Full)


@operation(3)
def odd(world: World, rng: Random, depth: int) -> None:
    """Pass an odd number: it is refused as the standard library does, or counts as a time."""
    call, number = rng.choice(CALLS), rng.choice(ODD)
    try:
        with weft.move_on_after(0.002):
            call(number)
    except ACCEPTED:
        pass
    weft.sleep(0)


@operation(1, "broken")
def foreign(world: World, rng: Random, depth: int) -> None:
    """Pass an object whose conversion to a number raises or waits."""
    call, kind = rng.choice(CALLS), rng.choice(["raises", "waits", "counts"])
    try:
        with weft.move_on_after(0.01):
            call(Odd(kind))
    except LookupError:
        check(kind == "raises", "an error that nobody raised")
    except (*ACCEPTED, TypeError):
        pass
    weft.sleep(0)
