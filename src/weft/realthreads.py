"""Threads of the operating system in a patched program, where ``threading.Thread`` is a task.

A call of C that computes or blocks holds up its own thread then, and no task. asyncio relies on that: ``asyncio.to_thread`` is how its
programs keep such a call away from the event loop.
"""

import concurrent.futures.thread
import threading
import types
from collections.abc import Callable
from typing import Any

from weft import native
from weft import threading as twin

__all__ = ["RealThread", "RealThreadPoolExecutor"]


class RealThread(threading.Thread):
    """A ``threading.Thread`` on a thread of the operating system, patched or not."""

    def start(self) -> None:
        """As ``threading.Thread.start``."""
        if threading.get_ident is twin.get_ident:
            with_globals(threading.Thread.start, **STARTERS)(self)
        else:
            super().start()


def with_globals(function: Any, **names: object) -> Any:
    """Return a copy of a function that finds `names` among its globals."""
    return types.FunctionType(function.__code__, {**function.__globals__, **names}, function.__name__, function.__defaults__)


def start_new_thread(function: Callable[..., object], args: tuple[Any, ...]) -> int:
    """Do as ``_thread.start_new_thread`` until 3.12, with the twin's notes of which threads run."""
    return native.start_new_thread(twin._run, (function, args, {}))


def start_joinable_thread(function: Callable[[], object], handle: twin._ThreadHandle, daemon: bool) -> None:
    """Do as ``_thread.start_joinable_thread`` from 3.13 on, with the twin's handle."""
    handle._started = True
    if not daemon:
        twin._handles.add(handle)
    try:
        handle.ident = native.start_new_thread(twin._run, (function, (), {}, handle))
    except BaseException:
        handle._started = False
        twin._handles.discard(handle)
        raise


STARTERS = {"_start_new_thread": start_new_thread, "_start_joinable_thread": start_joinable_thread}


class RealThreadPoolExecutor(concurrent.futures.ThreadPoolExecutor):
    """A ``concurrent.futures.ThreadPoolExecutor`` whose workers are threads of the operating system, patched or not."""

    _adjust_thread_count = with_globals(
        concurrent.futures.ThreadPoolExecutor._adjust_thread_count,
        threading=types.SimpleNamespace(Thread=RealThread),
    )
