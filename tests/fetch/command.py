"""``weft fetch`` as a user types it."""

import subprocess
import sys
from pathlib import Path
from typing import Any

__all__ = ["command", "weft"]


def command(*words: str | Path) -> list[str]:
    """The words of the command line."""
    return [sys.executable, "-m", "weft", "fetch", *map(str, words)]


def weft(*words: str | Path, **settings: Any) -> "subprocess.CompletedProcess[str]":
    """Run it to its end."""
    return subprocess.run(command(*words), capture_output=True, text=True, timeout=120, **settings)
