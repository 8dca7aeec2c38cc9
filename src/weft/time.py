"""The cooperative twin of ``time``: ``sleep`` parks the task."""

import time as _standard
from time import *  # noqa: F403  # the twin has the standard module's names

from weft._core.current import sleep as _sleep
from weft.builtin import stands_for as _stands_for


@_stands_for(_standard)  # type: ignore[no-redef]
def sleep(seconds: float, /) -> None:
    """Park the task for `seconds`; 0 lets the others run first. ValueError for a negative number, TypeError for what is none."""
    _sleep(seconds)


__patches__ = {"time": {"sleep": sleep}}
