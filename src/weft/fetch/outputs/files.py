"""A folder with a file a page."""

import mimetypes
import os
import shutil
from pathlib import Path

from weft.fetch.errors import FetchError
from weft.fetch.names import name_of
from weft.fetch.outputs.output import Output
from weft.fetch.page import Page
from weft.fetch.record import UNCHANGED, media_type

__all__ = ["Files"]


class Files(Output):
    """Each body in a file of its own, named after its address (``weft.fetch.names``). A file is there whole or not at all."""

    def __init__(self, place: Path) -> None:
        self.place = place
        place.mkdir(parents=True, exist_ok=True)
        for left in place.glob(".weft-*.part"):  # of a process that was killed
            left.unlink(missing_ok=True)

    def path_of(self, page: Page) -> Path:
        """Where the body of `page` goes; never outside of the folder."""
        ending = mimetypes.guess_extension(media_type(page)) or ".bin"
        return self.place / name_of(page.url, ending)

    def add(self, result: Page | FetchError) -> None:
        if isinstance(result, FetchError) or not result.ok or result.status == UNCHANGED:
            return
        path = self.path_of(result)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = self.place / f".weft-{os.getpid()}.part"
        if result.file is None:
            part.write_bytes(result.body)
        else:  # others may want it, too
            try:
                part.hardlink_to(result.file)
            except OSError:
                shutil.copyfile(result.file, part)
        part.replace(path)

    def commit(self) -> int:
        return 0  # a file that was renamed is there

    def restore(self, mark: int) -> None:
        """Nothing to undo: who fetches a page again writes the same file."""
