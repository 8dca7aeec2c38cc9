"""A virtual clock: time stands still while a task can run, and jumps to the next deadline when all are parked."""

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from weft._core.timers import clock as core_clock
from weft._core.timers import set_virtual_clock

__all__ = ["VirtualClock", "virtual_clock"]

CLOCKS = ("monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "time", "time_ns")


class VirtualClock:
    """What ``virtual_clock`` gives: how late it is."""

    def __init__(self, began: float, epoch: float) -> None:
        self.began = began
        self.epoch = epoch

    def monotonic(self) -> float:
        """``time.monotonic`` in virtual seconds."""
        return core_clock()

    @property
    def elapsed(self) -> float:
        """Virtual seconds since the clock was started, to the nanosecond: after a sleep of 0.1 it is 0.1, not 0.0999999999."""
        return round(self.monotonic() - self.began, 9)

    def advance(self, seconds: float) -> None:
        """Move the clock forward by so many seconds; who is due by then runs when the caller waits next."""
        if not seconds >= 0:
            raise ValueError(f"seconds is {seconds}; time does not go back")
        set_virtual_clock(self.monotonic() + seconds)

    def reading(self, name: str) -> Callable[[], float]:
        """What stands in the place of ``time.<name>``."""
        ahead = self.epoch - self.began if name.startswith("time") else 0.0
        if name.endswith("_ns"):
            return lambda: int((self.monotonic() + ahead) * 1e9)
        return lambda: self.monotonic() + ahead

    def __repr__(self) -> str:
        return f"<weft.testing.VirtualClock: {self.elapsed:g} s since it began>"


def swap(standard: dict[int, object]) -> list[tuple[dict[str, object], str, object]]:
    """Put others in the place of the standard clocks wherever a module has them; returns what to undo."""
    undo = []
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", None)
        if not isinstance(names, dict) or names.get("__name__") == __name__:
            continue
        for name, value in list(names.items()):
            if id(value) in standard:
                undo.append((names, name, value))
                names[name] = standard[id(value)]
    return undo


@contextmanager
def virtual_clock(*, grace: float = 0.01) -> Iterator[VirtualClock]:
    """Let time stand still in a block, and jump whenever every task is parked: an hour of sleeps takes milliseconds.

    It holds for all that weft waits for (timeouts, deadlines, ``weft.sleep``, and ``time.sleep`` after patching), and for ``time.time``,
    ``time.monotonic`` and their kin wherever they were imported. Before each jump `grace` real seconds are left to real descriptors
    and threads, if any are waited for.
    """
    began = math.ceil(core_clock())  # a whole number: differences of whole seconds are exact
    clock = VirtualClock(began, time.time())
    standard: dict[int, object] = {id(getattr(time, name)): clock.reading(name) for name in CLOCKS}
    set_virtual_clock(began, grace)
    undo = swap(standard)
    try:
        yield clock
    finally:
        for names, name, value in undo:
            names[name] = value
        set_virtual_clock(None)
