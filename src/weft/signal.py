"""The cooperative twin of ``signal``: a handler runs in the main task, and waiting for a signal parks.

Patching puts a ``Handler`` of weft before each handler of the program. A signal that strikes while another task runs Python is handed to
the main task, and that other one gives way: so Ctrl-C ends the program, and not the thread that happened to run.
"""

import _signal as _below  # type: ignore[import-not-found]
import errno as _errno
import os as _os
import signal as _standard
import sys as _sys
from collections.abc import Iterable
from signal import *  # noqa: F403  # the twin has the standard module's names, whatever they are on this platform
from typing import Any

from weft import native as _native
from weft._core.current import give_way as _give_way
from weft._core.current import is_main as _is_main
from weft._core.current import run_in_main as _run_in_main
from weft._core.deadlock import ProgramHandler as _ProgramHandler
from weft._core.local import local as _local
from weft._core.looks import look_until as _look_until
from weft._core.reports import write_unraisable as _write_unraisable
from weft._core.sync import Event as _Event
from weft._core.timers import exact_seconds as _exact_seconds
from weft.builtin import stands_for as _stands_for

_PAUSES = 0.0005, 0.02  # seconds between two looks at what is pending, the first and the longest
_standard_signal = _standard.signal
_standard_getsignal = _standard.getsignal
_standard_set_wakeup_fd = _standard.set_wakeup_fd
_standard_raise_signal = _standard.raise_signal
_standard_pthread_sigmask = _standard.pthread_sigmask
_standard_pthread_kill = _standard.pthread_kill
_standard_sigtimedwait = getattr(_standard, "sigtimedwait", None)
_masks = _local()  # what tasks other than the main one asked to block
_pausing: set[_Event] = set()
_wakeup = (-1, True)  # the program's own descriptor for signals' numbers, and whether to warn when it is full


class Handler(_ProgramHandler):
    """Stands before the program's handler of a signal."""

    __slots__ = ()

    def __call__(self, number: int, frame: Any) -> None:
        """Called by the interpreter, in whatever task runs."""
        _write(number)
        if _is_main():
            self.run(number, frame)
        else:
            _run_in_main(lambda: self.run(number, frame))

    def run(self, number: int, frame: Any) -> None:
        """Called in the main task."""
        try:
            self.program(number, frame)
        finally:
            for event in _pausing:
                event.set()


def _write(number: int) -> None:
    descriptor, warn = _wakeup
    if descriptor < 0:
        return
    try:
        _native.write(descriptor, bytes([number]))
    except BlockingIOError as error:
        if warn:
            _write_unraisable(error, "when trying to send to the signal wakeup fd", descriptor)
    except OSError as error:
        _write_unraisable(error, "when trying to write to the signal wakeup fd", descriptor)


def _only_main(what: str) -> None:
    if not _is_main():
        raise ValueError(f"{what} only works in main thread of the main interpreter")


@_stands_for(_standard)  # type: ignore[no-redef]
def signal(signalnum: int, handler: Any) -> Any:
    """As ``signal.signal``; returns the handler that was there before."""
    _only_main("signal")
    _give_way()
    before = _standard_signal(signalnum, Handler(handler) if callable(handler) and not isinstance(handler, int | Handler) else handler)
    return before.program if isinstance(before, Handler) else before


@_stands_for(_standard)  # type: ignore[no-redef]
def getsignal(signalnum: int) -> Any:
    """As ``signal.getsignal``."""
    handler = _standard_getsignal(signalnum)
    return handler.program if isinstance(handler, Handler) else handler


@_stands_for(_standard)  # type: ignore[no-redef]
def set_wakeup_fd(fd: int, /, *, warn_on_full_buffer: bool = True) -> int:
    """As ``signal.set_wakeup_fd``: the number of each signal that has a handler is written to `fd`."""
    global _wakeup
    _only_main("set_wakeup_fd")
    if not isinstance(fd, int):
        raise TypeError(f"'{type(fd).__name__}' object cannot be interpreted as an integer")
    if fd >= 0:
        _os.fstat(fd)
        if _os.get_blocking(fd):
            raise ValueError(f"the fd {fd} must be in non-blocking mode")
    before, _wakeup = _wakeup, (fd if fd >= 0 else -1, warn_on_full_buffer)
    return before[0]


@_stands_for(_standard)  # type: ignore[no-redef]
def raise_signal(signalnum: int, /) -> None:
    """As ``signal.raise_signal``; the others run first, so that a task which only signals starves nobody."""
    _standard_raise_signal(signalnum)
    _give_way()


def _thread(ident: int) -> int:
    """The OS thread of a task's number: this one, unless it is a thread's own."""
    return ident if ident in _sys._current_frames() else _native.get_ident()


@_stands_for(_standard)  # type: ignore[no-redef]
def pthread_kill(thread_id: int, signalnum: int, /) -> None:
    """As ``signal.pthread_kill``; the number of a task means the thread that runs it."""
    _standard_pthread_kill(_thread(thread_id), signalnum)


@_stands_for(_standard)  # type: ignore[no-redef]
def pthread_sigmask(how: int, mask: Iterable[int], /) -> set[Any]:
    """As ``signal.pthread_sigmask``. A mask is a thread's: that of a task other than the main one keeps no signal from the program."""
    if _is_main():
        return _standard_pthread_sigmask(how, mask)
    wanted = {_standard._int_to_enum(number, _standard.Signals) for number in mask}  # type: ignore[attr-defined]
    before: set[Any] = getattr(_masks, "mask", None) or _standard_pthread_sigmask(_standard.SIG_BLOCK, ())
    if how not in (_standard.SIG_BLOCK, _standard.SIG_UNBLOCK, _standard.SIG_SETMASK):
        raise OSError(_errno.EINVAL, _os.strerror(_errno.EINVAL))
    _masks.mask = before | wanted if how == _standard.SIG_BLOCK else before - wanted if how == _standard.SIG_UNBLOCK else wanted
    return set(before)


@_stands_for(_standard)  # type: ignore[no-redef]
def pause() -> None:
    """Park until a handler of the program has run."""
    handled = _Event()
    _pausing.add(handled)
    try:
        handled.wait()
    finally:
        _pausing.discard(handled)


@_stands_for(_standard)  # type: ignore[no-redef]
def sigtimedwait(sigset: Iterable[int], timeout: float, /) -> Any:
    """As ``signal.sigtimedwait``: park until one of `sigset` is pending, at most `timeout` seconds; returns its data, or None."""
    wanted = set(sigset)
    seconds = _exact_seconds(timeout)
    if seconds < 0:
        raise ValueError("timeout must be non-negative")
    return _await(wanted, seconds)


@_stands_for(_standard)  # type: ignore[no-redef]
def sigwaitinfo(sigset: Iterable[int], /) -> Any:
    """As ``signal.sigwaitinfo``: park until one of `sigset` is pending; returns its data."""
    return _await(sigset, None)


@_stands_for(_standard)  # type: ignore[no-redef]
def sigwait(sigset: Iterable[int], /) -> Any:
    """As ``signal.sigwait``: park until one of `sigset` is pending; returns its number."""
    return _standard.Signals(_await(sigset, None).si_signo)


def _await(sigset: Iterable[int], timeout: float | None) -> Any:
    assert _standard_sigtimedwait is not None
    look, wanted = _standard_sigtimedwait, set(sigset)
    return _look_until(lambda: look(wanted, 0), *_PAUSES, timeout)


def _patched() -> None:
    """The handlers that are set already get a ``Handler`` before them."""
    for number in _standard.valid_signals():
        handler = _below.getsignal(number)
        if callable(handler) and not isinstance(handler, Handler):
            _below.signal(number, Handler(handler))


def _unpatched() -> None:
    for number in _standard.valid_signals():
        handler = _below.getsignal(number)
        if isinstance(handler, Handler):
            _below.signal(number, handler.program)


_names = (
    "signal",
    "getsignal",
    "raise_signal",
    "set_wakeup_fd",
    "pthread_kill",
    "pthread_sigmask",
    "pause",
    "sigtimedwait",
    "sigwaitinfo",
    "sigwait",
)
__patches__ = {"signal": {name: globals()[name] for name in _names if hasattr(_standard, name)}}
