from pathlib import Path

from weft.fetch.headers import Headers, Timing

class Page:
    """One page. A status of 400 and more is a page, too: see ``ok``."""

    def __init__(
        self,
        url: str,
        final_url: str,
        status: int,
        size: int,
        body: bytes,
        raw: bytes,
        times: tuple[float, float, float, float, float],
        version: int = 0,
        address: str = "",
        began: float = 0,
        file: Path | None = None,
        attempts: int = 1,
    ) -> None: ...
    @property
    def url(self) -> str:
        """The address that was asked for."""
    @property
    def final_url(self) -> str:
        """Where redirects led."""
    @property
    def status(self) -> int:
        """The HTTP status (RFC 9110)."""
    @property
    def size(self) -> int:
        """Bytes of the body, after decompression."""
    @property
    def body(self) -> bytes:
        """Empty if it was not kept."""
    @property
    def file(self) -> Path | None:
        """Where the body is, if it was too long to be held."""
    @property
    def address(self) -> str:
        """The IP address that answered."""
    @property
    def attempts(self) -> int:
        """How often it was tried."""
    @property
    def began(self) -> float:
        """When the request began: seconds since the epoch."""
    @property
    def headers(self) -> Headers: ...
    @property
    def timing(self) -> Timing: ...
    @property
    def seconds(self) -> float: ...
    @property
    def http(self) -> str: ...
    @property
    def ok(self) -> bool: ...
    def tried(self, attempts: int) -> Page: ...
    def __hash__(self) -> int: ...

VERSIONS: dict[int, str]
