"""The cooperative twin of ``subprocess``: waiting for a child and for its pipes parks the task.

A child's end is waited for through its pidfd (Linux 5.3), so no signal handler is taken from the program; elsewhere by looking with growing
pauses. Starting a child (fork and exec) is the standard library's own.
"""

import io as _io
import os as _os
import subprocess as _standard
from subprocess import *  # noqa: F403  # the twin has the standard module's names
from typing import Any

from weft._core.descriptors import closing as _closing
from weft._core.descriptors import wait_readable as _wait_readable
from weft._core.descriptors import wait_writable as _wait_writable
from weft._core.task import sleep as _sleep

_ATOMIC = 4096  # bytes that a pipe which is writable takes without blocking (PIPE_BUF)
_PAUSES = 0.0005, 0.05  # seconds, the first and the longest


class Pipe(_io.FileIO):
    """A pipe to a child; reading and writing park the task."""

    def readinto(self, buffer: Any, /) -> int | None:
        """Read into `buffer`; parks while there is nothing."""
        _wait_readable(self.fileno())
        return super().readinto(buffer)

    def read(self, size: int | None = -1, /) -> bytes | None:  # type: ignore[override]
        """Read at most `size` bytes, or until the end."""
        if size is None or size < 0:
            return self.readall()
        _wait_readable(self.fileno())
        return super().read(size)

    def readall(self) -> bytes:
        """Read until the end."""
        chunks = []
        while chunk := self.read(65536):
            chunks.append(chunk)
        return b"".join(chunks)

    def write(self, data: Any, /) -> int | None:  # type: ignore[override]
        """Write some of `data`; returns how many bytes were taken."""
        _wait_writable(self.fileno())
        with memoryview(data) as view, view.cast("B") as flat:
            return super().write(flat[:_ATOMIC])

    def close(self) -> None:
        """Close the pipe; tasks that wait for it get ``OSError(EBADF)``."""
        if not self.closed:
            _closing(self.fileno())
        super().close()


class _Files:
    """The ``io`` that Popen sees: what it opens are pipes that park."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_io, name)

    @staticmethod
    def open(number: int, mode: str, buffering: int = -1) -> Any:
        raw = Pipe(number, mode)
        if buffering == 0:
            return raw
        size = _io.DEFAULT_BUFFER_SIZE if buffering in (-1, 1) else buffering
        return _io.BufferedWriter(raw, size) if "w" in mode else _io.BufferedReader(raw, size)


_standard_wait = _standard.Popen._wait  # type: ignore[attr-defined]


def _wait(self: Any, timeout: float | None) -> Any:
    if self.returncode is None and timeout != 0:
        try:
            number = _os.pidfd_open(self.pid)
        except (AttributeError, OSError):
            _look(self, timeout)
        else:
            try:
                _wait_readable(number, timeout)
            except TimeoutError:
                raise _standard.TimeoutExpired(self.args, timeout or 0) from None
            finally:
                _closing(number)
                _os.close(number)
    return _standard_wait(self, timeout)


def _look(self: Any, timeout: float | None) -> None:
    left = float("inf") if timeout is None else timeout
    pause, longest = _PAUSES
    while self.poll() is None:
        if left <= 0:
            raise _standard.TimeoutExpired(self.args, timeout or 0)
        _sleep(min(pause, left))
        left -= pause
        pause = min(pause * 2, longest)


__patches__ = {
    "subprocess": {"io": _Files()},
    "subprocess.Popen": {"_wait": _wait},
}
