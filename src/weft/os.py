"""The cooperative twin of ``os``: reading and writing descriptors and waiting for children parks the task.

A descriptor that is always ready (a regular file) is read and written at once, as ``os`` does; ``weft.open`` takes it to a thread. A
child's end is waited for through its pidfd (Linux 5.3); where that cannot be (any child, a stopped child, another system), by looking
with growing pauses. No signal handler is taken from the program.
"""

import io as _io
import os as _standard
from collections.abc import Callable
from os import *  # noqa: F403  # the twin has the standard module's names, whatever they are on this platform
from typing import Any, TypeVar

from weft import native as _native
from weft import pipes as _pipes
from weft._core import nonblocking as _nonblocking
from weft._core.descriptors import closing as _closing
from weft._core.descriptors import closing_range as _closing_range
from weft._core.descriptors import replacing as _replacing
from weft._core.descriptors import wait_readable as _wait_readable
from weft._core.looks import look_until as _look_until
from weft._core.offload import offload as _offload
from weft._core.sync import Lock as _Lock
from weft.builtin import stands_for as _stands_for

_T = TypeVar("_T")

_PAUSES = 0.0005, 0.02  # seconds between two looks at a child, the first and the longest
_standard_closerange = _standard.closerange
_standard_dup2 = _standard.dup2
_standard_system = _standard.system
_standard_fork = _standard.fork
_standard_forkpty = _standard.forkpty
_forks = _Lock()


@_stands_for(_standard)  # type: ignore[no-redef]
def read(fd: int, length: int, /) -> bytes:
    """As ``os.read``; parks while there is nothing."""
    return _nonblocking.read(fd, length)


@_stands_for(_standard)  # type: ignore[no-redef]
def write(fd: int, data: Any, /) -> int:
    """As ``os.write``; parks while there is no room."""
    return _nonblocking.write(fd, data)


@_stands_for(_standard)  # type: ignore[no-redef]
def readv(fd: int, buffers: Any, /) -> int:
    """As ``os.readv``; parks while there is nothing."""
    return _nonblocking.readv(fd, buffers)


@_stands_for(_standard)  # type: ignore[no-redef]
def writev(fd: int, buffers: Any, /) -> int:
    """As ``os.writev``; parks while there is no room."""
    return _nonblocking.writev(fd, buffers)


@_stands_for(_standard)  # type: ignore[no-redef]
def sendfile(out_fd: int, in_fd: int, offset: int | None, count: int, *args: Any, **kwargs: Any) -> int:
    """As ``os.sendfile``; parks while there is no room. It may send less than it could."""
    if args or kwargs:  # a platform with other arguments
        return _native.sendfile(out_fd, in_fd, offset, count, *args, **kwargs)
    return _nonblocking.sendfile(out_fd, in_fd, offset, count)


@_stands_for(_standard)  # type: ignore[no-redef]
def close(fd: int, /) -> None:
    """As ``os.close``; tasks that wait for the descriptor get ``OSError(EBADF)``."""
    if isinstance(fd, int) and fd >= 0:
        _closing(fd)
    _native.close(fd)


@_stands_for(_standard)  # type: ignore[no-redef]
def closerange(fd_low: int, fd_high: int, /) -> None:
    """As ``os.closerange``; tasks that wait for one of the descriptors get ``OSError(EBADF)``."""
    if isinstance(fd_low, int) and isinstance(fd_high, int):
        _closing_range(fd_low, fd_high)
    _standard_closerange(fd_low, fd_high)


@_stands_for(_standard)  # type: ignore[no-redef]
def dup2(fd: int, fd2: int, inheritable: bool = True) -> int:
    """As ``os.dup2``; tasks that wait for what `fd2` was get ``OSError(EBADF)``."""
    if isinstance(fd, int) and isinstance(fd2, int):
        _replacing(fd, fd2)
    return _standard_dup2(fd, fd2, inheritable)


@_stands_for(_standard)  # type: ignore[no-redef]
def fdopen(fd: int, mode: str = "r", buffering: int = -1, encoding: str | None = None, *args: Any, **kwargs: Any) -> Any:
    """As ``os.fdopen``; reading and writing a pipe, a terminal or a socket parks."""
    if not isinstance(fd, int):
        raise TypeError(f"invalid fd type ({type(fd)}, expected integer)")
    if "b" not in mode:
        encoding = _io.text_encoding(encoding)
    return _pipes.open(fd, mode, buffering, encoding, *args, **kwargs)


@_stands_for(_standard)  # type: ignore[no-redef]
def system(command: Any) -> int:
    """As ``os.system``; the task is parked until the command has ended."""
    return _offload(_standard_system, command)


def _fork_alone(fork: Callable[[], _T]) -> _T:
    """Call `fork` while no other task is in the middle of one: what runs at a fork may take locks that are no task's, and park."""
    parent = _standard.getpid()
    _forks.acquire()
    try:
        return fork()
    finally:
        if _standard.getpid() == parent:
            _forks.release()
        else:
            _forks._at_fork_reinit()


@_stands_for(_standard)  # type: ignore[no-redef]
def fork() -> int:
    """As ``os.fork``; tasks fork one after the other, and the child has the one that forked alone."""
    return _fork_alone(_standard_fork)


@_stands_for(_standard)  # type: ignore[no-redef]
def forkpty() -> tuple[int, int]:
    """As ``os.forkpty``; tasks fork as with ``fork``."""
    return _fork_alone(_standard_forkpty)


def _await_child(pid: int, options: int, look: Callable[[int], _T | None], blocking: Callable[[], _T]) -> _T:
    """Park until a child has ended.

    ``look(options)`` asks without blocking, for its data or None; ``blocking()`` is the call itself.
    The first look raises for a process that is no child: a pidfd would wait for its end.
    """
    if options & _standard.WNOHANG:
        return blocking()
    data = look(options | _standard.WNOHANG)
    if data is None and pid > 0 and not options:
        try:
            descriptor = _standard.pidfd_open(pid)
        except (AttributeError, OSError):
            pass  # another system, or no descriptor is left: look
        else:
            try:
                _wait_readable(descriptor)
            finally:
                close(descriptor)
    if data is None:
        data = _look_until(lambda: look(options | _standard.WNOHANG), *_PAUSES)
    assert data is not None
    return data


@_stands_for(_standard)  # type: ignore[no-redef]
def waitpid(pid: int, options: int, /) -> tuple[int, int]:
    """As ``os.waitpid``; the task is parked until the child has ended."""

    def look(options: int) -> tuple[int, int] | None:
        data = _native.waitpid(pid, options)
        return data if data[0] else None

    return _await_child(pid, options, look, lambda: _native.waitpid(pid, options))


@_stands_for(_standard)  # type: ignore[no-redef]
def wait() -> tuple[int, int]:
    """As ``os.wait``; the task is parked until a child has ended."""
    return waitpid(-1, 0)


@_stands_for(_standard)  # type: ignore[no-redef]
def wait4(pid: int, options: int) -> tuple[int, int, Any]:
    """As ``os.wait4``; the task is parked until the child has ended."""

    def look(options: int) -> tuple[int, int, Any] | None:
        data = _native.wait4(pid, options)
        return data if data[0] else None

    return _await_child(pid, options, look, lambda: _native.wait4(pid, options))


@_stands_for(_standard)  # type: ignore[no-redef]
def wait3(options: int) -> tuple[int, int, Any]:
    """As ``os.wait3``; the task is parked until a child has ended."""
    return wait4(-1, options)


@_stands_for(_standard)  # type: ignore[no-redef]
def waitid(idtype: int, id: int, options: int, /) -> Any:
    """As ``os.waitid``; the task is parked until the child has changed."""

    def look(options: int) -> Any:
        return _native.waitid(idtype, id, options)

    return _await_child(-1, options, look, lambda: _native.waitid(idtype, id, options))


_files = ("read", "write", "readv", "writev", "sendfile", "close", "closerange", "dup2", "fdopen")
_children = ("system", "fork", "forkpty", "waitpid", "wait", "wait3", "wait4", "waitid")
__patches__ = {
    "os": {name: globals()[name] for name in _files + _children if hasattr(_standard, name)},
    "builtins": {"open": _pipes.open},
    "io": {"open": _pipes.open},
}
