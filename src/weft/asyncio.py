"""The cooperative twin of ``asyncio``: each task has its own running event loop.

An event loop runs in a task like any other code; its selector parks. What the interpreter keeps once for an OS thread, the loop that
runs and its task, is put aside while another task has the thread: so two tasks may both be in ``asyncio.run``.
"""

import _asyncio as _below
import sys as _sys
from asyncio import *  # noqa: F403  # the twin has the standard module's names
from typing import Any

from weft._core.current import set_running_loop as _set_task_loop
from weft._core.hooks import set_loop_setter as _set_loop_setter
from weft.builtin import stands_for as _stands_for

_standard_set_running_loop: Any = _below._set_running_loop
# Since 3.14 the task that runs is kept for an OS thread, too; before, asyncio kept it by its loop.
_swap_current_task: Any = getattr(_below, "_swap_current_task", None) if _sys.version_info >= (3, 14) else None
_set_loop_setter(_standard_set_running_loop, _swap_current_task)


@_stands_for(_below)  # type: ignore[no-redef]
def _set_running_loop(loop: Any, /) -> None:
    """As ``asyncio._set_running_loop``, for the current task."""
    _standard_set_running_loop(loop)
    _set_task_loop(loop)


__patches__ = {"asyncio.events": {"_set_running_loop": _set_running_loop, "_c__set_running_loop": _set_running_loop}}
