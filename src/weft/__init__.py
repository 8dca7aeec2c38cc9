"""Virtual threads for Python: plain blocking code, a hundred thousand of it at once."""

from weft._core.descriptors import wait_readable, wait_writable
from weft._core.errors import Cancelled, DeadlockError, LatePatchWarning, WeftError
from weft._core.offload import offload
from weft._core.queues import Queue, SimpleQueue
from weft._core.sync import BoundedSemaphore, Condition, Event, Lock, RLock, Semaphore
from weft._core.task import Task, current_task, joinall, sleep, spawn
from weft.files import offloaded
from weft.files import open as open
from weft.waits import as_completed, wait

__all__ = [
    "BoundedSemaphore",
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
    "WeftError",
    "as_completed",
    "current_task",
    "joinall",
    "offload",
    "offloaded",
    "sleep",
    "spawn",
    "wait",
    "wait_readable",
    "wait_writable",
]
