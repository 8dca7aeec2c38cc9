"""Pipes, terminals and sockets as file objects whose reading and writing park: under ``subprocess``, ``open`` and ``sys.stdin``."""

import io
import os
import stat
import sys
from typing import Any

from weft import buffers
from weft._core import nonblocking
from weft._core.descriptors import closing
from weft.builtin import stands_for

__all__ = ["Pipe", "open", "open_pipe", "parks"]

standard_open = io.open


def parks(number: int) -> bool:
    """True if descriptor `number` is of a kind that can be waited for."""
    mode = os.fstat(number).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or (stat.S_ISCHR(mode) and os.isatty(number))


class Pipe(buffers.Raw):
    """A file object over something that can be waited for."""

    def readinto(self, buffer: Any, /) -> int | None:
        """Read into `buffer`; parks while there is nothing."""
        self.check(self.readable(), "reading")
        try:
            return nonblocking.read_into(self.fileno(), buffer)
        except BlockingIOError:
            return None

    def read(self, size: int | None = -1, /) -> bytes | None:  # type: ignore[override]
        """Read at most `size` bytes, or until the end."""
        if size is None or size < 0:
            return self.readall()
        self.check(self.readable(), "reading")
        try:
            return nonblocking.read(self.fileno(), size)
        except BlockingIOError:
            return None

    def check(self, able: bool, purpose: str) -> None:
        if not able:
            raise io.UnsupportedOperation(f"File not open for {purpose}")

    def readall(self) -> bytes:
        """Read until the end."""
        chunks = []
        while chunk := self.read(65536):
            chunks.append(chunk)
        return b"".join(chunks)

    def write(self, data: Any, /) -> int | None:  # type: ignore[override]
        """Write all of `data`; parks while there is no room. Returns how many bytes were taken."""
        self.check(self.writable(), "writing")
        try:
            return nonblocking.write(self.fileno(), data)
        except BlockingIOError:
            return None

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


@stands_for(io)
def open(
    file: Any,
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,
    opener: Any = None,
) -> Any:
    """As ``open``; with the descriptor of a pipe, a terminal or a socket, reading and writing parks."""
    if encoding is None and sys.flags.warn_default_encoding and isinstance(mode, str) and "b" not in mode:
        encoding = io.text_encoding(None)  # it warns the caller of this function
    if isinstance(file, int) and file >= 0 and opener is None and is_mode(mode) and can_park(file):
        return open_pipe(file, mode, buffering, encoding, errors, newline, closefd)
    return standard_open(file, mode, buffering, encoding, errors, newline, closefd, opener)


def is_mode(mode: Any) -> bool:
    """Return whether ``open`` takes `mode`."""
    if not isinstance(mode, str) or not set(mode) <= set("axrwbt+") or len(set(mode)) < len(mode):
        return False
    return sum(letter in mode for letter in "axrw") == 1 and not ("b" in mode and "t" in mode)


def can_park(number: int) -> bool:
    """Return ``parks(number)``; False for what is no descriptor."""
    try:
        return parks(number)
    except (OSError, OverflowError):
        return False
