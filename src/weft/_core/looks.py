"""Waiting for what nothing tells of: look again after growing pauses, the task parked in between."""

import time
from collections.abc import Callable
from typing import TypeVar

from weft._core.current import sleep
from weft._core.timers import read_seconds

__all__ = ["look_until"]

T = TypeVar("T")

clock = time.monotonic


def look_until(look: Callable[[], T | None], first: float, longest: float, timeout: float | None = None) -> T | None:
    """Call ``look()`` until it returns something, and return that; None once `timeout` seconds (None: no end) have passed.

    `first`, `longest`: seconds between two looks; each pause is twice the one before it.
    """
    limit = read_seconds(timeout)
    deadline = None if limit is None else clock() + limit
    pause = first
    while True:
        found = look()
        left = None if deadline is None else deadline - clock()
        if found is not None or (left is not None and left <= 0):
            return found
        sleep(pause if left is None else min(pause, left))
        pause = min(pause * 2, longest)
