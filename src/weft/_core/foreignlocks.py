"""Real locks as tasks take them: a task that finds one held parks, and looks again after growing pauses.

Nothing tells a scheduler that a real lock was released.
"""

import _thread
from types import TracebackType
from typing import Any

from weft._core.looks import look_until
from weft._core.sync import RLock
from weft._core.timers import exact_seconds

__all__ = ["PAUSES", "REAL_LOCK", "REAL_RLOCK", "ForeignLock", "ForeignRLock", "cooperative"]

PAUSES = 0.0002, 0.01  # seconds between two looks, the first and the longest
REAL_LOCK: Any = type(_thread.allocate_lock())
REAL_RLOCK: Any = _thread.RLock


class ForeignLock:
    """A cooperative view of a real ``threading.Lock``."""

    def __init__(self, real: Any) -> None:
        self.real = real

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock, waiting at most `timeout` seconds (-1: as long as it takes). True if it was taken."""
        limit = exact_seconds(timeout) if blocking else 0.0
        return look_until(lambda: self.real.acquire(False) or None, *PAUSES, None if limit < 0 else limit) is not None

    def release(self) -> None:
        """Release the lock. RuntimeError as of the real one."""
        self.real.release()

    def locked(self) -> bool:
        """True while somebody holds it."""
        if not self.real.acquire(False):
            return True
        self.real.release()
        return False

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.release()

    def __repr__(self) -> str:
        return f"<weft's view of {self.real!r}>"


class ForeignRLock(ForeignLock):
    """A cooperative view of a real ``threading.RLock``, whose owner is an OS thread.

    Of that thread's tasks, the owner is the one that took it by this view.
    """

    def __init__(self, real: Any) -> None:
        super().__init__(real)
        self.tasks = RLock()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock, waiting at most `timeout` seconds (-1: as long as it takes) for each of its owners. True if it was taken."""
        if not self.tasks.acquire(blocking, timeout):
            return False
        taken = False
        try:
            taken = super().acquire(blocking, timeout)
        finally:
            if not taken:
                self.tasks.release()
        return taken

    def release(self) -> None:
        """Undo one ``acquire``. RuntimeError if another task, or nobody, holds it."""
        self.tasks.release()
        super().release()

    def locked(self) -> bool:
        """True while somebody holds it."""
        return self.tasks.locked() or super().locked()

    def _is_owned(self) -> bool:
        return bool(self.tasks._is_owned())

    def _release_save(self) -> tuple[int, Any]:
        return self.tasks._release_save(), self.real._release_save()

    def _acquire_restore(self, saved: tuple[int, Any]) -> None:
        self.tasks._acquire_restore(saved[0])
        super().acquire()
        self.real.release()
        self.real._acquire_restore(saved[1])


def cooperative(lock: Any) -> Any:
    """Return a view of `lock` if it is a real one, or else `lock`."""
    if type(lock) is REAL_LOCK:
        return ForeignLock(lock)
    return ForeignRLock(lock) if type(lock) is REAL_RLOCK else lock
