"""What a fetch returns."""

from dataclasses import dataclass

__all__ = ["Page"]


@dataclass(frozen=True, slots=True)
class Page:
    """One page. A status of 400 and more is a page, too: see ``ok``."""

    url: str
    """The address that was asked for."""
    final_url: str
    """Where redirects led."""
    status: int
    """The HTTP status (RFC 9110)."""
    size: int
    """Bytes of the body, after decompression."""
    seconds: float
    """From the start of the request to the last byte."""
    body: bytes
    """Empty if it was not kept."""

    @property
    def ok(self) -> bool:
        """True for a status below 400."""
        return self.status < 400
