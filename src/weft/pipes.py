"""Pipes, terminals and sockets as file objects whose reading and writing park: under ``subprocess``, ``os.fdopen`` and ``sys.stdin``."""

import os
import stat
from typing import Any

from weft import buffers, native
from weft._core.descriptors import closing, wait_readable, wait_writable
from weft._core.poller import read_blocks, write_blocks

__all__ = ["Pipe", "await_readable", "await_writable", "open_pipe", "parks", "write"]

ATOMIC = 4096  # bytes that a pipe which is writable takes without blocking (PIPE_BUF)


def parks(number: int) -> bool:
    """True if descriptor `number` is of a kind that can be waited for."""
    mode = os.fstat(number).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or (stat.S_ISCHR(mode) and os.isatty(number))


def await_readable(number: int) -> None:
    """Park until a read of descriptor `number` does not block; regular files are always ready, and so is what is set not to block."""
    if read_blocks(number):
        wait_readable(number)


def await_writable(number: int) -> None:
    """Park until `number` takes ATOMIC bytes without blocking."""
    if write_blocks(number):
        wait_writable(number)


def write(number: int, data: Any) -> int:
    """Write all of `data`, as a descriptor that blocks does, or what goes at once into one that does not; returns how many bytes went."""
    await_writable(number)
    with memoryview(data) as view, view.cast("B") as flat:
        size = len(flat)
        if size <= ATOMIC or not parks(number) or not os.get_blocking(number):
            return native.write(number, flat)
        sent = native.write(number, flat[:ATOMIC])
        while sent < size:
            await_writable(number)
            sent += native.write(number, flat[sent : sent + ATOMIC])
        return sent


class Pipe(buffers.Raw):
    """A file object over something that can be waited for."""

    def readinto(self, buffer: Any, /) -> int | None:
        """Read into `buffer`; parks while there is nothing."""
        await_readable(self.fileno())
        return super().readinto(buffer)

    def read(self, size: int | None = -1, /) -> bytes | None:  # type: ignore[override]
        """Read at most `size` bytes, or until the end."""
        if size is None or size < 0:
            return self.readall()
        await_readable(self.fileno())
        return super().read(size)

    def readall(self) -> bytes:
        """Read until the end."""
        chunks = []
        while chunk := self.read(65536):
            chunks.append(chunk)
        return b"".join(chunks)

    def write(self, data: Any, /) -> int | None:  # type: ignore[override]
        """Write some of `data`; returns how many bytes were taken."""
        await_writable(self.fileno())
        with memoryview(data) as view, view.cast("B") as flat:
            return super().write(flat[:ATOMIC])

    def close(self) -> None:
        """Close the pipe; tasks that wait for it get ``OSError(EBADF)``."""
        if not self.closed and self.closefd:
            closing(self.fileno())
        super().close()


def open_pipe(
    number: int,
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,
) -> Any:
    """``io.open`` for a descriptor that can be waited for."""
    raw_mode = buffers.check(mode, buffering, encoding, errors, newline)
    return buffers.wrap(Pipe(number, raw_mode, closefd), mode, buffering, encoding, errors, newline)
