"""Virtual threads for Python: plain blocking code, a hundred thousand of it at once.

The plugin is in the same distribution, so pytest would warn that it cannot rewrite the asserts of
a package that ``weft run -m pytest`` has imported: PYTEST_DONT_REWRITE.
"""

import typing as _typing

from weft._core.cancellation import CancelScope, move_on_after, timeout
from weft._core.channel import Channel
from weft._core.choice import after, readable, sending, writable
from weft._core.current import current_task, sleep
from weft._core.descriptors import wait_readable, wait_writable
from weft._core.errors import Cancelled, ChannelClosed, DeadlockError, LatePatchWarning, ShutDown, WeftError, WouldBlock
from weft._core.local import local
from weft._core.offload import offload
from weft._core.queues import LifoQueue, PriorityQueue, Queue, SimpleQueue
from weft._core.sharing import Barrier, CapacityLimiter, RWLock
from weft._core.sync import BoundedSemaphore, Condition, Event, Lock, RLock, Semaphore
from weft._core.task import Task, joinall, spawn, spawn_later
from weft.groups import TaskGroup, first, first_n, gather
from weft.waits import as_completed, wait

# What most programs do not use is imported when it is first asked for: "import weft" took half as long again (bench/startup.py)
_LATER = {
    "weft.coroutines": ("Coroutine", "broadcast", "coroutine"),
    "weft.executors": ("Executor",),
    "weft.files": ("offloaded", "open"),
    "weft.iterators": ("emit", "iterator"),
    "weft.lists": ("LazyList",),
    "weft.locals": ("TaskLocal",),
    "weft.maps": ("map",),
    "weft.pipelines": ("Pipeline", "batch", "sink", "stage"),
    "weft.pools": ("Pool",),
}

if _typing.TYPE_CHECKING:
    from weft._core.choice import select
    from weft.coroutines import Coroutine, broadcast, coroutine
    from weft.executors import Executor
    from weft.files import offloaded
    from weft.files import open as open
    from weft.iterators import emit, iterator
    from weft.lists import LazyList
    from weft.locals import TaskLocal
    from weft.maps import map as map
    from weft.pipelines import Pipeline, batch, sink, stage
    from weft.pools import Pool
else:
    # One lock a module, of the task: the interpreter's import lock is the OS thread's, so it lets a
    # second task of the thread see a module that the first has imported by half.
    _imports = {}

    def _import(module):
        from importlib import import_module

        with _imports.setdefault(module, RLock()):
            return import_module(module)

    def __getattr__(name):
        if name == "select":
            return _import("weft.select")  # the twin of the standard module; it can be called, too
        for module, names in _LATER.items():
            if name in names:
                found = globals()[name] = getattr(_import(module), name)
                return found
        raise AttributeError(f"module 'weft' has no attribute {name!r}")

    def __dir__():
        return sorted({*globals(), *__all__})


__all__ = [
    "Barrier",
    "BoundedSemaphore",
    "CancelScope",
    "Cancelled",
    "CapacityLimiter",
    "Channel",
    "ChannelClosed",
    "Condition",
    "Coroutine",
    "DeadlockError",
    "Event",
    "Executor",
    "LatePatchWarning",
    "LazyList",
    "LifoQueue",
    "Lock",
    "Pipeline",
    "Pool",
    "PriorityQueue",
    "Queue",
    "RLock",
    "RWLock",
    "Semaphore",
    "ShutDown",
    "SimpleQueue",
    "Task",
    "TaskGroup",
    "TaskLocal",
    "WeftError",
    "WouldBlock",
    "after",
    "as_completed",
    "batch",
    "broadcast",
    "coroutine",
    "current_task",
    "emit",
    "first",
    "first_n",
    "gather",
    "iterator",
    "joinall",
    "local",
    "move_on_after",
    "offload",
    "offloaded",
    "readable",
    "select",
    "sending",
    "sink",
    "sleep",
    "spawn",
    "spawn_later",
    "stage",
    "timeout",
    "wait",
    "wait_readable",
    "wait_writable",
    "writable",
]
