"""The ways to run a plain Python program, unmodified."""

import sys
from pathlib import Path

from bench import programs

RUNNERS: dict[str, list[str]] = {
    "weft": ["-m", "weft", "run"],
    "gevent": ["-m", "gevent.monkey"],
    "threads": [],
}


def unmodified(peer: str, program: str) -> list[str | Path]:
    """The command that runs a program of bench/programs under `peer`."""
    return [sys.executable, *RUNNERS[peer], programs.HERE / program]
