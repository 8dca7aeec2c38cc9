"""Virtual threads for Python: plain blocking code, a hundred thousand of it at once."""

from weft._core.cancellation import CancelScope, move_on_after, timeout
from weft._core.descriptors import wait_readable, wait_writable
from weft._core.errors import Cancelled, DeadlockError, LatePatchWarning, WeftError
from weft._core.offload import offload
from weft._core.queues import Queue, SimpleQueue
from weft._core.sync import BoundedSemaphore, Condition, Event, Lock, RLock, Semaphore
from weft._core.task import Task, current_task, joinall, sleep, spawn
from weft.files import offloaded
from weft.files import open as open
from weft.groups import TaskGroup, first, first_n, gather
from weft.waits import as_completed, wait

__all__ = [
    "BoundedSemaphore",
    "CancelScope",
    "Cancelled",
    "Condition",
    "DeadlockError",
    "Event",
    "LatePatchWarning",
    "Lock",
    "Queue",
    "RLock",
    "Semaphore",
    "SimpleQueue",
    "Task",
    "TaskGroup",
    "WeftError",
    "as_completed",
    "current_task",
    "first",
    "first_n",
    "gather",
    "joinall",
    "move_on_after",
    "offload",
    "offloaded",
    "sleep",
    "spawn",
    "timeout",
    "wait",
    "wait_readable",
    "wait_writable",
]
