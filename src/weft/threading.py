"""The cooperative twin of ``threading`` and ``_thread``: a thread is a task, and its locks park.

The standard module's own code stays: what lies under it is replaced. What differs: a thread that ``threading`` did not start and that asks
for ``current_thread`` is a task's, and its stand-in goes with the task.

As a real thread does, a task that is a thread begins in an empty context. From Python 3.14 on ``Thread.start`` itself copies the context
where ``sys.flags.thread_inherit_context`` says so.

Threads that were made before patching can be started and joined after it, and the other way round.
"""

import _thread as _standard_thread
import os as _os
import sys as _sys
import threading as _standard
from collections.abc import Callable
from contextvars import Context as _Context
from threading import *  # noqa: F403  # the twin has the standard module's names
from typing import Any

from weft._core.budget import charge_peek as _charge_peek
from weft._core.current import current_task as _current_task
from weft._core.current import get_ident, is_main
from weft._core.errors import Cancelled as _Cancelled
from weft._core.foreignlocks import PAUSES as _PAUSES
from weft._core.foreignlocks import cooperative as _cooperative
from weft._core.local import local  # type: ignore[assignment]
from weft._core.looks import look_until as _look_until
from weft._core.names import name as _name
from weft._core.reports import write_unraisable as _write_unraisable
from weft._core.sync import Event as _Event
from weft._core.sync import Lock, RLock  # type: ignore[assignment]
from weft._core.task import spawn as _spawn
from weft._core.timers import exact_seconds as _exact_seconds
from weft.builtin import stands_for as _stands_for

_sentinels: dict[int, Lock] = {}
_handles: set["_ThreadHandle"] = set()
_standard_current_thread = _standard.current_thread
_Handle: Any = getattr(_standard_thread, "_ThreadHandle", ())  # from 3.13 on
_standard_shutdown = getattr(_standard_thread, "_shutdown", None)


_running: set[object] = set()  # the handles of the threads that were started and have not ended, or an object for one that has none


def _run(function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any], handle: "_ThreadHandle | None" = None) -> None:
    running = object() if handle is None else handle
    _running.add(running)
    try:
        function(*args, **kwargs)
    except (SystemExit, _Cancelled):
        pass  # ends this thread alone
    except BaseException as error:
        _write_unraisable(error, "in thread started by", function)
    finally:
        _running.discard(running)
        sentinel = _sentinels.pop(get_ident(), None)
        if sentinel is not None and sentinel.locked():
            sentinel.release()
        if handle is not None:
            handle._end()


@_stands_for(_standard_thread)
def _count() -> int:
    """How many threads run that were started: ``_thread._count``."""
    return len(_running)


def _spawn_thread(function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any], handle: "_ThreadHandle | None") -> int:
    """Start the task of a thread; returns its identity."""
    task = _Context().run(_spawn, _run, function, args, kwargs, handle)
    task.name = _name(function)
    return id(task)


@_stands_for(_standard_thread)
def start_new_thread(function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any] | None = None, /) -> int:
    """Start a task that calls ``function(*args, **kwargs)``; returns its number. Errors as ``_thread.start_new_thread``."""
    if not callable(function):
        raise TypeError("first arg must be callable")
    if not isinstance(args, tuple):
        raise TypeError("2nd arg must be a tuple")
    if kwargs is not None and not isinstance(kwargs, dict):
        raise TypeError("optional 3rd arg must be a dictionary")
    return _spawn_thread(function, args, kwargs or {}, None)


@_stands_for(_standard_thread)
def _set_sentinel() -> Lock:
    lock = Lock()
    _sentinels[get_ident()] = lock
    return lock


class _ThreadHandle:
    """What 3.13's threads are joined by."""

    def __init__(self) -> None:
        self.ident = 0
        self._started = False
        self._ended = _Event()

    def is_done(self) -> bool:
        return self._ended.is_set()

    def _end(self) -> None:
        self._ended.set()
        _handles.discard(self)

    def _set_done(self) -> None:
        if not self._started:
            raise RuntimeError("thread not started")
        self._end()

    def join(self, timeout: float | None = None, /) -> None:
        if not self._started:
            raise RuntimeError("thread not started")
        if self.ident == get_ident() and not self.is_done():
            raise RuntimeError("Cannot join current thread")
        limit = -1.0 if timeout is None else _exact_seconds(timeout)
        self._ended.wait(None if limit < 0 else limit)

    def __repr__(self) -> str:
        return f"<_ThreadHandle object: ident={self.ident}>"


def _start_joinable_thread(function: Callable[[], object], handle: _ThreadHandle | None = None, daemon: bool = True) -> _ThreadHandle:
    if not callable(function):
        raise TypeError("thread function must be callable")
    if handle is not None and not isinstance(handle, _ThreadHandle):
        raise TypeError("'handle' must be a _ThreadHandle")
    started = _ThreadHandle() if handle is None else handle
    if started._started:
        raise RuntimeError("thread already started")
    started.ident = _spawn_thread(function, (), {}, started)
    started._started = True
    if not daemon:
        _handles.add(started)
    return started


class _RealHandle(_ThreadHandle):
    """A handle of 3.13 of a thread of the operating system that was started before patching: joining it parks."""

    def __init__(self, real: Any) -> None:
        super().__init__()
        self.real = real
        self.ident = real.ident
        self._started = True

    def is_done(self) -> bool:
        return bool(self.real.is_done())

    def _set_done(self) -> None:
        self.real._set_done()

    def join(self, timeout: float | None = None, /) -> None:
        limit = -1.0 if timeout is None else _exact_seconds(timeout)
        if _look_until(lambda: self.is_done() or None, *_PAUSES, None if limit < 0 else limit):
            self.real.join()


def _make_thread_handle(ident: int) -> _ThreadHandle:
    handle = _ThreadHandle()
    handle.ident = ident
    handle._started = True
    return handle


def _after_fork() -> None:
    """In a forked child: only the thread that forked goes on."""
    me = get_ident()
    for running in list(_running):
        if not isinstance(running, _ThreadHandle) or running.ident != me:
            _running.discard(running)
            if isinstance(running, _ThreadHandle):
                running._end()
    for ident in list(_sentinels):
        if ident != me:
            _sentinels.pop(ident).release()


_os.register_at_fork(after_in_child=_after_fork)


def _shutdown() -> None:
    while _handles:
        next(iter(_handles)).join()
    if _standard_shutdown is not None:
        _standard_shutdown()


@_stands_for(_standard)  # type: ignore[no-redef]
def current_thread() -> _standard.Thread:
    """The Thread that runs; for a task that no Thread started, a stand-in that goes with it."""
    ident = get_ident()
    active: dict[int, _standard.Thread] = _standard._active  # type: ignore[attr-defined]
    thread = active.get(ident)
    if thread is None:
        thread = _standard_current_thread()
        if not is_main():
            _current_task().add_done_callback(lambda _: active.pop(ident, None) and None)
    return thread


def _is_set(self: Any) -> bool:
    """Return true if and only if the internal flag is true."""
    _charge_peek()
    return bool(self._flag)


_is_set.__name__, _is_set.__qualname__ = "is_set", "Event.is_set"
_ours: dict[str, object] = {
    "_CRLock": RLock,
    "_allocate_lock": Lock,
    "_set_sentinel": _set_sentinel,
    "_start_joinable_thread": _start_joinable_thread,
    "_start_new_thread": start_new_thread,
    "_ThreadHandle": _ThreadHandle,
    "_make_thread_handle": _make_thread_handle,
    "_get_main_thread_ident": get_ident,  # asked for in a forked child, by the task that is the main one there
    "_thread_local_info": local(),
    "_thread_shutdown": _shutdown,
    "currentThread": _standard.currentThread,
    "current_thread": current_thread,
    "get_ident": get_ident,
    "local": local,
    "Lock": Lock,
}
_below: dict[str, object] = {
    "LockType": Lock,
    "RLock": RLock,
    "_ThreadHandle": _ThreadHandle,
    "_count": _count,
    "_local": local,
    "_make_thread_handle": _make_thread_handle,
    "_set_sentinel": _set_sentinel,
    "allocate": Lock,
    "allocate_lock": Lock,
    "get_ident": get_ident,
    "lock": Lock,
    "start_joinable_thread": _start_joinable_thread,
    "start_new": start_new_thread,
    "start_new_thread": start_new_thread,
}
__patches__ = {
    "threading": {name: value for name, value in _ours.items() if hasattr(_standard, name)},
    "_thread": {name: value for name, value in _below.items() if hasattr(_standard_thread, name)},
}
__patches__["threading"]["_active_limbo_lock"] = RLock()
__patches__["threading.Event"] = {"is_set": _is_set}
if "concurrent.futures.thread" in _sys.modules:
    __patches__["concurrent.futures.thread"] = {"_global_shutdown_lock": Lock()}


def _patched() -> None:
    """The threads that were made before, and what the interpreter waits for at its end."""
    for thread in list(_standard._dangling):  # type: ignore[attr-defined]
        _adopt(thread)
    locks: set[Any] = getattr(_standard, "_shutdown_locks", set())  # until 3.12
    real = set(locks)
    locks.clear()
    locks.update(map(_cooperative, real))


def _adopt(thread: Any) -> None:
    """Let `thread` be started, or joined, by the twin's calls."""
    if isinstance(thread, _standard._MainThread):  # type: ignore[attr-defined]
        return
    if isinstance(handle := getattr(thread, "_handle", None), _Handle):
        thread._handle = _RealHandle(handle) if thread._started.is_set() else _ThreadHandle()
    elif getattr(thread, "_tstate_lock", None) is not None:
        thread._tstate_lock = _cooperative(thread._tstate_lock)


def _unpatched() -> None:
    """The threads that were made and not started."""
    for thread in list(_standard._dangling):  # type: ignore[attr-defined]
        if isinstance(getattr(thread, "_handle", None), _ThreadHandle) and not thread._handle._started:
            thread._handle = _Handle()
