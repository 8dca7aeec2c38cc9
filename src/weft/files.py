"""Regular files: what is in memory is read at once, and what the disk must bring by io_uring (``weft._core.ring``, with the figures).

A disk cannot be waited for otherwise, so the rest, opening, writing and closing, runs on a pool of real threads of its own, and the task is
parked; so does a read where there is no io_uring.
"""

import functools
import io
import os
import stat
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from weft import buffers
from weft._core.offload import ThreadPool, offload
from weft._core.ring import read_bytes, read_into

__all__ = ["offloaded", "open"]

P = ParamSpec("P")
T = TypeVar("T")

LARGE = 16 << 20  # bytes that are read in one piece by a task itself
pool = ThreadPool(min(32, (os.cpu_count() or 1) + 4), deaf=True)


class File(buffers.Raw):
    """An open file."""

    regular: bool | None = None  # None: not asked yet

    def readinto(self, buffer: Any, /) -> int | None:
        """Read into `buffer`."""
        if not self.here():
            return self.elsewhere(super().readinto, buffer)
        return read_into(self.fileno(), buffer, self.on_a_thread)

    def read(self, size: int | None = -1, /) -> bytes | None:  # type: ignore[override]
        """Read at most `size` bytes, or until the end."""
        if size is None or size < 0:
            return self.readall()
        if size > LARGE or not self.here():
            return self.elsewhere(super().read, size)
        return read_bytes(self.fileno(), size, self.on_a_thread)

    def readall(self) -> bytes:
        """Read until the end."""
        size = os.fstat(self.fileno()).st_size - self.tell() if self.here() else 0
        if not 0 < size <= LARGE:
            return self.elsewhere(super().readall)
        start = read_bytes(self.fileno(), size, self.on_a_thread)
        end = b"" if len(start) < size else read_bytes(self.fileno(), 1, self.on_a_thread)  # there may be more by now
        return start + end + self.elsewhere(super().readall) if end else start

    def on_a_thread(self, buffer: Any) -> int | None:
        return pool.call(super().readinto, buffer)

    def here(self) -> bool:
        """Whether the task itself can read: this is a regular file, open for reading, and not dropped."""
        if self.regular is None:
            self.regular = self.readable() and stat.S_ISREG(os.fstat(self.fileno()).st_mode)
        return self.regular and not self.dropped and not self._finalizing  # type: ignore[attr-defined]

    def write(self, data: Any, /) -> int | None:  # type: ignore[override]
        """Write `data`; returns how many of its bytes were taken."""
        return self.elsewhere(super().write, data)

    def truncate(self, size: int | None = None, /) -> int:
        """Cut the file, or make it longer."""
        return self.elsewhere(super().truncate, size)

    def close(self) -> None:
        """Close the file, even if the task is cancelled meanwhile; at once where nothing can be left to write."""
        try:
            if not self.closed and self.writable():
                self.elsewhere(super().close)
        finally:
            super().close()

    def elsewhere(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """On the pool; at once when the interpreter drops the file, because nobody may park there."""
        if self.dropped or self._finalizing:  # type: ignore[attr-defined]
            return call(*args, **kwargs)
        return pool.call(call, *args, **kwargs)


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
    """As ``open``, for regular files: opening, reading, writing and closing park the task while the kernel or a thread does it.

    What lies in the buffer already is handed out at once. Arguments, result and errors are those of ``open``.
    """
    if set(mode) - set("axrwb+tx") or len(set(mode) & set("axrw")) != 1 or {"b", "t"} <= set(mode) or len(set(mode)) != len(mode):
        raise ValueError(f"invalid mode: {mode!r}")
    raw_mode = buffers.check(mode, buffering, encoding, errors, newline)
    raw = pool.call(File, file, raw_mode, closefd, opener)
    return buffers.wrap(raw, mode, buffering, io.text_encoding(encoding) if "b" not in mode else encoding, errors, newline)


def offloaded(fn: Callable[P, T]) -> Callable[P, T]:
    """Decorate a function that cannot park, a call of a C library say: each call runs on a real thread, and the task is parked.

    @weft.offloaded
    def shrink(data: bytes) -> bytes:
        return zlib.compress(data, 9)
    """

    @functools.wraps(fn)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        return offload(fn, *args, **kwargs)

    return call
