"""Regular files: a disk cannot be waited for, so what touches it runs on a pool of real threads of its own, and the task is parked."""

import functools
import io
import os
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from weft import buffers
from weft._core.offload import ThreadPool, offload

__all__ = ["offloaded", "open"]

P = ParamSpec("P")
T = TypeVar("T")

pool = ThreadPool(min(32, (os.cpu_count() or 1) + 4), deaf=True)


class File(buffers.Raw):
    """An open file; each call that touches the disk runs on a thread of the pool."""

    def readinto(self, buffer: Any, /) -> int | None:
        """Read into `buffer`."""
        return self.elsewhere(super().readinto, buffer)

    def read(self, size: int | None = -1, /) -> bytes | None:  # type: ignore[override]
        """Read at most `size` bytes, or until the end."""
        return self.elsewhere(super().read, size)

    def readall(self) -> bytes:
        """Read until the end."""
        return self.elsewhere(super().readall)

    def write(self, data: Any, /) -> int | None:  # type: ignore[override]
        """Write `data`; returns how many of its bytes were taken."""
        return self.elsewhere(super().write, data)

    def truncate(self, size: int | None = None, /) -> int:
        """Cut the file, or make it longer."""
        return self.elsewhere(super().truncate, size)

    def close(self) -> None:
        """Close the file."""
        if not self.closed:
            self.elsewhere(super().close)

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
    """As ``open``, for regular files: opening, reading, writing and closing park the task while a thread does it.

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
