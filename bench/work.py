"""What a work is: its peers, its rows, and the ratios to reach."""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

Measured = float | tuple[float, ...]


@dataclass(frozen=True)
class Figure:
    """One number that a run gives: its unit, whether more of it is better, and what weft should reach.

    `goals` maps a peer's name to how many times better weft should be; `at_most` is what weft's own figure should not exceed.
    """

    unit: str
    goals: dict[str, float] = field(default_factory=dict)
    more: bool = False
    at_most: float | None = None

    def ratio(self, weft: float, other: float) -> float:
        """How many times better weft is."""
        return weft / other if self.more else other / weft


@dataclass(frozen=True)
class Row:
    """One line of the table: the same work for each peer. A peer that is in `without` has nothing of the kind, or takes minutes."""

    title: str
    figures: tuple[Figure, ...]
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class Work:
    """One thing that is measured: `peers` maps a peer's name to a function that takes a row's number and returns its figures.

    `samples` is how many runs a round takes: several of what is quick, because the machine's own speed wavers from second to second.
    `needs` are programs without which nothing of it can be measured. `quick` are the rows,
    and `few` the peers, of the run that takes a minute (None: all of them). `note` stands below the table of the document.
    """

    title: str
    peers: dict[str, Callable[[int], Measured]]
    rows: tuple[Row, ...]
    samples: int = 1
    quick: tuple[int, ...] = ()
    few: tuple[str, ...] | None = None
    needs: tuple[str, ...] = ()
    note: str = ""

    def main(self) -> None:
        """`python -m bench.WORK PEER [ROW]`: the figures, as JSON."""
        peer, row = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0
        measured = self.peers[peer](row)
        print(json.dumps(list(measured) if isinstance(measured, tuple) else [measured]))


ENOUGH = 2.0  # seconds
SMOKE = bool(os.environ.get("BENCH_SMOKE"))


def scale(count: int) -> int:
    """`count`, or a hundredth of it when a test only wants to see that the work runs."""
    return max(1, count // 100) if SMOKE else count


def best(run: Callable[[], object], operations: int, repeats: int = 5) -> float:
    """Microseconds an operation, pinned to one processor: the best of `repeats` runs: what disturbs a run makes it slower.

    Fewer where one takes seconds: it is disturbed throughout.
    """
    pin(0)
    times: list[float] = []
    while len(times) < repeats and sum(times) < ENOUGH:
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times) / operations * 1e6


def pin(processor: int) -> None:
    """Stay on one processor, counted from 0, where there are several and the system allows it."""
    if hasattr(os, "sched_setaffinity"):
        usable = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {usable[min(processor, len(usable) - 1)]})
