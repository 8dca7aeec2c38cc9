"""What a work is: its peers, its unit, and the ratios to reach."""

import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Work:
    """One thing that is measured.

    `peers` maps a peer's name to a function that does the work and returns the figure; `goals` a peer's name to how many times better weft
    should be (a figure counts as better when it is smaller, unless `more` is set). `variants` are arguments to run it with, one row each;
    they are named by `titles`, or are numbers of connections, and may have goals of their own in `variant_goals`. A figure that is not a
    number is left out: the peer has nothing of the kind. `samples` is how many figures a round takes: several of what is quick, because
    the machine's own speed wavers from second to second.
    """

    title: str
    unit: str
    peers: dict[str, Callable[[int], float]]
    goals: dict[str, float] = field(default_factory=dict)
    more: bool = False
    variants: tuple[int, ...] = (0,)
    samples: int = 1
    titles: tuple[str, ...] = ()
    variant_goals: dict[int, dict[str, float]] = field(default_factory=dict)

    def main(self) -> None:
        """`python -m bench.WORK PEER [VARIANT]`."""
        peer, variant = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else self.variants[0]
        print(self.peers[peer](variant))

    def ratio(self, weft: float, other: float) -> float:
        """How many times better weft is."""
        return weft / other if self.more else other / weft


def scale(count: int) -> int:
    """`count`, or a hundredth of it when a test only wants to see that the work runs."""
    return max(1, count // 100) if os.environ.get("BENCH_SMOKE") else count


def best(run: Callable[[], object], operations: int, repeats: int = 5) -> float:
    """Microseconds an operation, pinned to one processor: the best of `repeats` runs: what disturbs a run makes it slower."""
    pin(0)
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times) / operations * 1e6


def pin(processor: int) -> None:
    """Stay on one processor, counted from 0, where there are several and the system allows it."""
    if hasattr(os, "sched_setaffinity"):
        usable = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {usable[min(processor, len(usable) - 1)]})
