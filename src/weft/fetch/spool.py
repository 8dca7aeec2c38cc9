"""A body that is too long to be held goes to a file as it comes."""

import os
import tempfile
from pathlib import Path

import weft

__all__ = ["Spool"]

MEMORY = 64 * 1024**2  # bytes of bodies on their way that are held at most, all together
LEAST, MOST = 16 * 1024, 1024**2


def room(concurrency: int) -> int:
    """Bytes of one body that are held while so many are on their way."""
    return max(LEAST, min(MOST, MEMORY // concurrency))


class Spool:
    """A temporary file in `folder`, made when the first bytes are put in it. The disk is written to by threads: the task is parked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path: Path | None = None
        self.number = -1

    def put(self, chunk: bytes) -> None:
        """Add to the file."""
        if chunk:
            weft.offload(self.write, chunk)

    def write(self, chunk: bytes) -> None:
        if self.number < 0:
            self.number, name = tempfile.mkstemp(prefix=".weft-", suffix=".part", dir=self.folder)
            self.path = Path(name)
        view = memoryview(chunk)
        while view:
            view = view[os.write(self.number, view) :]

    def close(self) -> None:
        """All has been put."""
        if self.number >= 0:
            os.close(self.number)
            self.number = -1

    def discard(self) -> None:
        """Remove the file."""
        self.close()
        if self.path is not None:
            self.path.unlink(missing_ok=True)
            self.path = None
