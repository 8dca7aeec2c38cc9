"""The cooperative twin of ``multiprocessing``: its locks belong to tasks, and waiting for one parks.

A lock that processes share is a semaphore of the operating system, which cannot be waited for like a descriptor: a task that does not get
it looks again after growing pauses. Pipes, queues, pools and processes are the standard library's own, over descriptors that park.
"""

import _multiprocessing as _below  # type: ignore[import-not-found]
import multiprocessing.connection as _connection
import os as _os
import types as _types
from multiprocessing import *  # noqa: F403  # the twin has the standard module's names
from typing import Any

from weft._core.current import get_ident as _get_ident
from weft._core.looks import look_until as _look_until
from weft._core.timers import read_seconds as _read_seconds

_PAUSES = 0.0002, 0.005  # seconds between two tries, the first and the longest
_RECURSIVE = 0  # the kind of an RLock
_standard_defaults: dict[str, Any] = {}


class SemLock:
    """As ``_multiprocessing.SemLock``; its owner is a task."""

    SEM_VALUE_MAX = _below.SemLock.SEM_VALUE_MAX

    def __init__(self, kind: int, value: int, maxvalue: int, name: str, unlink: bool) -> None:
        self._own(_below.SemLock(kind, value, maxvalue, name, unlink))

    @classmethod
    def _rebuild(cls, *state: Any) -> "SemLock":
        made = cls.__new__(cls)
        made._own(_below.SemLock._rebuild(*state))
        return made

    def _own(self, real: Any) -> None:
        self._real = real
        self._taken = 0
        self._owner = 0
        self.handle, self.kind, self.maxvalue, self.name = real.handle, real.kind, real.maxvalue, real.name
        self._get_value, self._is_zero = real._get_value, real._is_zero

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Take it, waiting at most `timeout` seconds (None: as long as it takes). True if it was taken."""
        me = _get_ident()
        limit = _read_seconds(timeout) if block else 0
        if self.kind == _RECURSIVE and self._is_mine():
            self._taken += 1
            return True
        if not _look_until(self._try, *_PAUSES, limit):
            return False
        self._owner = me
        self._taken += 1
        return True

    def _try(self) -> bool | None:
        """True if it was free, None if not. An RLock that another task of this thread has would let the system's own semaphore through."""
        taken = self.kind == _RECURSIVE and self._taken
        return None if taken or not self._real.acquire(False) else True

    def release(self) -> None:
        """Give it back. AssertionError if it is an RLock of somebody else's, ValueError if it was given back too often."""
        if self.kind == _RECURSIVE:
            if not self._is_mine():
                raise AssertionError("attempt to release recursive lock not owned by thread")
            if self._taken > 1:
                self._taken -= 1
                return
        self._real.release()
        self._taken -= 1

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def _count(self) -> int:
        return self._taken

    def _is_mine(self) -> bool:
        return self._taken > 0 and self._owner == _get_ident()

    def _after_fork(self) -> None:
        self._real._after_fork()
        self._taken = 0


_namespace = _types.SimpleNamespace(**{**vars(_below), "SemLock": SemLock})


def _patched() -> None:
    """A connection has taken the calls of ``os`` as defaults, perhaps before they were patched."""
    for name, default in (("_send", _os.write), ("_recv", _os.read), ("_close", _os.close)):
        method = getattr(_connection.Connection, name)
        _standard_defaults[name] = method.__defaults__
        method.__defaults__ = (default,)


def _unpatched() -> None:
    for name, defaults in _standard_defaults.items():
        getattr(_connection.Connection, name).__defaults__ = defaults
    _standard_defaults.clear()


__patches__: dict[str, dict[str, object]] = {"multiprocessing.synchronize": {"_multiprocessing": _namespace}}
