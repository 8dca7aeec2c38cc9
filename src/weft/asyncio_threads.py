"""The threads of ``asyncio.to_thread`` and ``loop.run_in_executor(None, ...)``: those of the operating system.

It is a twin of its own, since ``asyncio.base_events`` is imported after ``asyncio.events``.
"""

from asyncio import base_events
from collections.abc import Callable
from typing import Any

from weft.realthreads import RealThreadPoolExecutor

standard_run_in_executor = base_events.BaseEventLoop.run_in_executor


def run_in_executor(self: Any, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
    """As ``BaseEventLoop.run_in_executor``, but the loop's default executor has real threads."""
    if executor is None and self._default_executor is None and not self._executor_shutdown_called:
        self._default_executor = RealThreadPoolExecutor(thread_name_prefix="asyncio")
    return standard_run_in_executor(self, executor, func, *args)


__patches__ = {"asyncio.base_events.BaseEventLoop": {"run_in_executor": run_in_executor}}
