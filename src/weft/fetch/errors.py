"""What a fetch raises."""

from weft._core.errors import WeftError

__all__ = ["FetchError"]


class FetchError(WeftError, OSError):
    """A page could not be fetched: `url`, and `reason` in words. `code` is libcurl's number (``CURLE_...``), 0 if it was never asked.

    ``attempts`` tells how often it was tried, ``seconds`` how long the last attempt took.
    """

    def __init__(self, url: str, reason: str, code: int = 0, seconds: float = 0.0) -> None:
        super().__init__(f"{url}: {reason}")
        self.url = url
        self.reason = reason
        self.code = code
        self.seconds = seconds
        self.attempts = 1

    def tried(self, attempts: int) -> "FetchError":
        """The same after so many attempts."""
        self.attempts = attempts
        return self
