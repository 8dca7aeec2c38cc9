"""What every output does. Its methods are called by one thread at a time, never by weft's own: a disk cannot park."""

import os
from collections.abc import Mapping
from pathlib import Path

from weft.fetch.errors import FetchError
from weft.fetch.extract import Extractor
from weft.fetch.page import Page

__all__ = ["Appended", "Output"]

HELD = 8 * 1024**2  # bytes that wait for a commit at most


class Output:
    """Where pages go.

    ``add`` takes a result; ``commit`` makes all that was added last, and returns a mark; ``restore(mark)`` takes the output back to it,
    whatever was written since; ``close`` finishes. A process that is killed between two commits leaves what the next ``restore`` mends.
    """

    place: Path
    extractors: Mapping[str, Extractor] = {}  # name: what finds it in a page

    def add(self, result: Page | FetchError) -> None:
        """Write one result."""
        raise NotImplementedError

    def commit(self) -> int:
        """Make what was added last; the mark to come back to."""
        raise NotImplementedError

    def restore(self, mark: int) -> None:
        """Undo what came after `mark`; 0: all of it."""
        raise NotImplementedError

    def close(self) -> None:
        """Finish. No more is added."""


class Appended(Output):
    """A file that grows; its mark is its length. What is added waits in memory for the commit, if it is not too much."""

    def __init__(self, place: Path, keep: bool) -> None:
        self.place = place
        place.parent.mkdir(parents=True, exist_ok=True)
        self.number = os.open(place, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | (0 if keep else os.O_TRUNC), 0o666)
        self.waiting: list[bytes] = []
        self.size = 0
        self.length = os.lseek(self.number, 0, os.SEEK_END)

    def append(self, data: bytes) -> None:
        """Add to the file."""
        self.waiting.append(data)
        self.size += len(data)
        if self.size >= HELD:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        view = memoryview(b"".join(self.waiting))
        self.waiting, self.size = [], 0
        while view:
            written = os.write(self.number, view)
            self.length += written
            view = view[written:]

    def commit(self) -> int:
        self.flush()
        os.fdatasync(self.number)
        return self.length

    def restore(self, mark: int) -> None:
        """Cut the file at `mark`."""
        self.waiting, self.size = [], 0
        os.ftruncate(self.number, mark)
        self.length = os.lseek(self.number, mark, os.SEEK_SET)

    def close(self) -> None:
        """Write what waits, if anything does."""
        try:
            self.flush()
        finally:
            os.close(self.number)
