"""Reports that cannot be made: no standard error, hooks that raise, hooks that wait."""

import sys
from random import Random
from typing import Any

import weft

from ..world import Bad, World, check
from . import operation


class Full(OSError, Bad):
    """The error of a stream that cannot be written."""


class Stream:
    """A standard error that cannot be written."""

    def __init__(self, waits: bool) -> None:
        self.waits = waits

    def write(self, text: str) -> int:
        if self.waits:
            weft.sleep(0)
            return len(text)
        raise Full(28, "No space left on device")

    flush = close = lambda self: self.write("")


reporting = weft.Lock()


@operation(2, "broken")
def stream(world: World, rng: Random, depth: int) -> None:
    """Drop failed tasks, and fail in callbacks, while ``sys.stderr`` is broken."""
    if not reporting.acquire(False):
        return
    before = sys.stderr
    sys.stderr = rng.choice([None, Stream(False), Stream(True)])
    try:
        attempt(world, rng)
    finally:
        sys.stderr = before
        reporting.release()


@operation(1, "broken")
def hook(world: World, rng: Random, depth: int) -> None:
    """Drop failed tasks, and fail in callbacks, while the interpreter's hooks are broken."""
    if not reporting.acquire(False):
        return

    def broken(*args: Any) -> None:
        if waits:
            weft.sleep(0)
        else:
            raise Bad("a hook")

    waits = rng.random() < 0.5
    hooks = sys.excepthook, sys.unraisablehook, sys.stderr
    sys.excepthook = broken
    sys.stderr = None  # the interpreter reports a broken hook there
    if rng.random() < 0.5:
        sys.unraisablehook = broken
    try:
        attempt(world, rng)
    finally:
        sys.excepthook, sys.unraisablehook, sys.stderr = hooks
        reporting.release()


def attempt(world: World, rng: Random) -> None:
    """Cause reports, and check that the scheduler goes on."""

    def fail(*_: object) -> None:
        raise Bad("to be reported")

    weft.spawn(fail)
    task = weft.spawn(weft.sleep, 0)
    task.add_done_callback(fail)
    world.settle([task], cancel=False)
    check(task.exception() is None, "a callback changed the outcome")
    fresh = weft.spawn(int, "7")
    world.settle([fresh], cancel=False)
    check(fresh.result() == 7, "the next task")
