"""The toolkit: what one operation takes in microseconds, on one processor. The same works for each peer stand in ``bench/toolkits``.

What a peer does not have is left out: gevent and trio wait for the first of several channels only by a task for each.
"""

import importlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench.work import Work, best, pin, scale

NAMES = ("lock", "semaphore", "channel", "select", "group", "timeout", "map", "pipeline")
TITLES = (
    "hand a lock over, 2 tasks",
    "hand a permit over, 10 tasks, 3 permits",
    "send through a channel, rendezvous",
    "receive by select over 2 channels",
    "a task in a group of 10,000",
    "enter and leave a timeout",
    "map over 100,000, 100 at once, an item",
    "a pipeline of 3 stages, an item",
)
COUNTS = (50_000, 50_000, 50_000, 20_000, 10_000, 100_000, 100_000, 20_000)
GO = Path(__file__).parent / "toolkits" / "toolkit.go"


def peer(name: str) -> Callable[[int], float]:
    """The peer whose works are the functions of ``bench.toolkits.<name>_works``: ``work(count)`` returns a function that does it."""

    def measure(variant: int) -> float:
        works = importlib.import_module(f"bench.toolkits.{name}_works")
        work = getattr(works, NAMES[variant], None)
        count = scale(COUNTS[variant])
        return float("nan") if work is None else best(work(count), count)

    return measure


def go(variant: int) -> float:
    """Go, built for the run and held to one processor."""
    pin(0)
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "toolkit"
        environment = {**os.environ, "GOCACHE": folder, "GOPATH": folder, "GOMAXPROCS": "1", "HOME": folder}
        subprocess.run([shutil.which("go") or "go", "build", "-o", program, GO], check=True, env=environment)
        command = [program, NAMES[variant], str(scale(COUNTS[variant]))]
        return min(float(subprocess.run(command, check=True, env=environment, capture_output=True).stdout) for _ in range(5))


WORK = Work(
    "toolkit",
    "µs",
    {name: peer(name) for name in ("weft", "gevent", "asyncio", "trio")} | {"go": go},
    {"gevent": 1, "asyncio": 1, "trio": 1},
    variants=tuple(range(len(NAMES))),
    titles=TITLES,
)

if __name__ == "__main__":
    WORK.main()
