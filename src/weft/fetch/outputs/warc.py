"""WARC 1.1, a gzip member a record (ISO 28500:2017; https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/)."""

import base64
import hashlib
import uuid
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from weft.fetch.errors import FetchError
from weft.fetch.outputs.output import Appended
from weft.fetch.page import Page
from weft.fetch.record import content

__all__ = ["Warc"]

LEVEL = 1  # of compression: nearly three times as many records a second as 6
CHANGED = {"content-encoding", "transfer-encoding", "content-length"}  # what libcurl has undone in the body that is written


class Warc(Appended):
    """A ``warcinfo`` record, then a ``response`` a page; a page that failed is not written. Compressed if the name ends with ``.gz``."""

    def __init__(self, place: Path, keep: bool) -> None:
        super().__init__(place, keep)
        self.compressed = place.suffix.lower() == ".gz"
        self.begin()

    def begin(self) -> None:
        """The record of the file itself, if it is empty."""
        if not self.length:
            block = b"software: weft fetch\r\nformat: WARC File Format 1.1\r\n"
            self.write({"WARC-Type": "warcinfo", "Content-Type": "application/warc-fields", "WARC-Filename": self.place.name}, [block])

    def restore(self, mark: int) -> None:
        super().restore(mark)
        self.begin()

    def add(self, result: Page | FetchError) -> None:
        if isinstance(result, FetchError):
            return
        payload = hashlib.sha1(usedforsecurity=False)
        for piece in content(result):
            payload.update(piece)
        fields = {
            "WARC-Type": "response",
            "WARC-Target-URI": result.final_url,
            "Content-Type": "application/http;msgtype=response",
            "WARC-Payload-Digest": f"sha1:{base64.b32encode(payload.digest()).decode()}",
        }
        if result.address:
            fields["WARC-IP-Address"] = result.address
        self.write(fields, chain([head_of(result)], content(result)), datetime.fromtimestamp(result.began, UTC), result.size)

    def write(self, fields: dict[str, str], block: Iterable[bytes], date: datetime | None = None, size: int = 0) -> None:
        """One record; `block` begins with a piece that `size` does not count."""
        pieces = iter(block)
        first = next(pieces)
        named = {
            "WARC-Record-ID": f"<urn:uuid:{uuid.uuid4()}>",
            "WARC-Date": (date or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            **fields,
            "Content-Length": str(len(first) + size),
        }
        head = "WARC/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in named.items()) + "\r\n"
        whole = chain([head.encode("utf-8", "replace"), first], pieces, [b"\r\n\r\n"])
        for piece in packed(whole) if self.compressed else whole:
            self.append(piece)


def packed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """A gzip member (RFC 1952)."""
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, 31)
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()


def head_of(page: Page) -> bytes:
    """The header of the last answer as HTTP/1.1, with what no longer holds of the body renamed, as other archivers do."""
    first, *lines = page.headers.last()
    status = first.split(b" ", 1)
    made = [b"HTTP/1.1 " + (status[1] if len(status) > 1 and status[1] else str(page.status).encode())]
    for line in lines:
        name = line.partition(b":")[0].strip().lower().decode("latin-1")
        if line:
            made.append(b"X-Archive-Orig-" + line if name in CHANGED else line)
    return b"\r\n".join([*made, b"Content-Length: %d" % page.size, b"", b""])
