"""Virtual threads for Python: plain blocking code, a hundred thousand of it at once."""

from weft._core.errors import Cancelled, DeadlockError, LatePatchWarning, WeftError
from weft._core.task import Task, current_task, joinall, sleep, spawn

__all__ = ["Cancelled", "DeadlockError", "LatePatchWarning", "Task", "WeftError", "current_task", "joinall", "sleep", "spawn"]
