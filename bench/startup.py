"""What it costs to begin: milliseconds of CPU of a whole interpreter that does nothing else, the least of several."""

import os
import subprocess
import sys
from collections.abc import Callable

from bench.runners import RUNNERS
from bench.work import Figure, Measured, Row, Work, pin, scale

RUNS = 5
ROWS: tuple[tuple[str, dict[str, list[str]]], ...] = (
    (
        "import",
        {
            "weft": ["-c", "import weft"],
            "gevent": ["-c", "import gevent"],
            "eventlet": ["-c", "import eventlet"],
            "asyncio": ["-c", "import asyncio"],
            "trio": ["-c", "import trio"],
            "threads": ["-c", "import threading"],
        },
    ),
    (
        "an empty script",
        {name: [*words, os.devnull] for name, words in RUNNERS.items()},
    ),
    (
        "patch_all",
        {
            "weft": ["-c", "import weft.monkey; weft.monkey.patch_all()"],
            "gevent": ["-c", "import gevent.monkey; gevent.monkey.patch_all()"],
            "eventlet": ["-c", "import eventlet; eventlet.monkey_patch()"],
        },
    ),
)


def peer(name: str) -> Callable[[int], Measured]:
    def measure(row: int) -> Measured:
        command = [sys.executable, *ROWS[row][1][name]]
        pin(0)
        return min(once(command) for _ in range(scale(RUNS))) * 1000

    return measure


def once(command: list[str]) -> float:
    """Seconds of CPU from its start to its end."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {child.returncode}")
    return used.ru_utime + used.ru_stime


NAMES = list(ROWS[0][1])
WORK = Work(
    "start-up",
    {name: peer(name) for name in NAMES},
    tuple(Row(title, (Figure("ms of CPU", {"gevent": 1}),), tuple(name for name in NAMES if name not in found)) for title, found in ROWS),
)

if __name__ == "__main__":
    WORK.main()
