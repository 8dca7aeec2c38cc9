"""File objects over a raw one that parks: the standard library's own buffers, each with a lock of its own.

The standard buffers hold a lock of the OS thread while the raw object reads; a second task of the thread would be told "reentrant call".
Here it waits for its turn.
"""

import io
import os
import warnings
from collections.abc import Callable
from typing import Any

from weft._core.sync import RLock

__all__ = ["Raw", "check", "wrap"]

SERIAL = [
    "__next__",
    "detach",
    "flush",
    "peek",
    "read",
    "read1",
    "readinto",
    "readinto1",
    "readline",
    "readlines",
    "seek",
    "tell",
    "truncate",
    "write",
    "writelines",
]


class Raw(io.FileIO):
    """What parks. ``dropped`` is set when nobody holds the file any more: then the interpreter closes it, wherever that happens to be."""

    dropped = False


def serial(method: Callable[..., Any]) -> Callable[..., Any]:
    """`method` with the buffer's lock held."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        with self.turn:
            return method(self, *args, **kwargs)

    return call


def one_at_a_time(base: type) -> Any:
    """The buffer class `base`, whose methods take turns."""

    class Buffer(base):  # type: ignore[misc]
        def __init__(self, raw: Raw, size: int) -> None:
            self.turn = RLock()
            super().__init__(raw, size)

        def close(self) -> None:
            """Flush and close."""
            if self._finalizing:
                self.raw.dropped = True
            super().close()

    Buffer.__name__ = Buffer.__qualname__ = base.__name__
    for name in SERIAL:
        if hasattr(base, name):
            setattr(Buffer, name, serial(getattr(base, name)))
    return Buffer


Reader = one_at_a_time(io.BufferedReader)
Writer = one_at_a_time(io.BufferedWriter)
Random = one_at_a_time(io.BufferedRandom)


class Text(io.TextIOWrapper):
    """Text over one of the buffers."""

    mode = ""

    def close(self) -> None:
        """Flush and close."""
        if self._finalizing and self.buffer is not None:  # type: ignore[attr-defined]
            self.buffer.raw.dropped = True  # type: ignore[attr-defined]
        super().close()


def check(mode: str, buffering: int, encoding: str | None, errors: str | None, newline: str | None) -> str:
    """ValueError for arguments that ``open`` refuses, before anything is opened. Returns the mode of the raw file."""
    binary = "b" in mode
    if binary and (encoding is not None or errors is not None or newline is not None):
        raise ValueError("binary mode doesn't take an encoding, errors or newline argument")
    if buffering == 0 and not binary:
        raise ValueError("can't have unbuffered text I/O")
    return mode.replace("b", "").replace("t", "")


def wrap(
    raw: Raw, mode: str, buffering: int = -1, encoding: str | None = None, errors: str | None = None, newline: str | None = None
) -> Any:
    """What ``open`` returns for `raw`; the arguments are those of ``open``, and have been checked."""
    try:
        binary = "b" in mode
        if binary and buffering == 1:
            words = "line buffering (buffering=1) isn't supported in binary mode, the default buffer size will be used"
            warnings.warn(words, RuntimeWarning, stacklevel=3)
        if buffering == 0:
            return raw
        terminal = buffering < 0 and raw.isatty()
        size = buffering if buffering > 1 else (getattr(os.fstat(raw.fileno()), "st_blksize", 0) or io.DEFAULT_BUFFER_SIZE)
        buffer = (Random if "+" in mode else Reader if raw.readable() else Writer)(
            raw, max(size, io.DEFAULT_BUFFER_SIZE) if buffering < 0 else size
        )
        if binary:
            return buffer
        text = Text(buffer, encoding, errors, newline, buffering == 1 or terminal)
        text.mode = mode
        return text
    except BaseException:
        raw.close()
        raise
