"""What a server says of a page: its header fields, and when each phase of the request was over."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

__all__ = ["Headers", "Timing"]


class Headers(Mapping[str, str]):
    """The header fields of an answer, parsed when they are first asked for. Names in any case; what came more than once is joined by ", ".

    ``raw`` is what the server sent, status lines and those of redirects included (RFC 9112, section 5); ``all(name)`` has each value.
    """

    __slots__ = ("_fields", "raw")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._fields: dict[str, list[str]] | None = None

    def last(self) -> list[bytes]:
        """The lines of the last answer, without their ends; the first one is that of its status."""
        lines: list[bytes] = []
        for ended in self.raw.split(b"\n"):
            line = ended.rstrip(b"\r")
            if line.startswith(b"HTTP/"):
                lines.clear()
            lines.append(line)
        return lines

    def fields(self) -> dict[str, list[str]]:
        """Each name, in lower case, with its values: of the last answer alone."""
        if self._fields is None:
            self._fields = {}
            for line in self.last():
                name, colon, value = line.decode("latin-1").partition(":")
                if colon and not line.startswith(b"HTTP/"):
                    self._fields.setdefault(name.strip().lower(), []).append(value.strip())
        return self._fields

    def all(self, name: str) -> list[str]:
        """Every value of `name`, in the order in which they came."""
        return list(self.fields().get(name.lower(), []))

    def __getitem__(self, name: str) -> str:
        return ", ".join(self.fields()[name.lower()])

    def __iter__(self) -> Iterator[str]:
        return iter(self.fields())

    def __len__(self) -> int:
        return len(self.fields())

    def __repr__(self) -> str:
        return f"Headers({dict(self)!r})"


class Timing(NamedTuple):
    """Seconds from the start of the request, each including those before (``CURLINFO_*_TIME``); 0 for what an open connection spared."""

    name: float
    """Until the host's name was looked up."""
    connect: float
    """Until the connection stood."""
    tls: float
    """Until the TLS handshake was done."""
    first_byte: float
    """Until the first byte of the answer."""
    total: float
    """Until its last."""
