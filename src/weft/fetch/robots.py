"""robots.txt (RFC 9309), read once a host and obeyed; Crawl-delay, too."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import weft
from weft.fetch.errors import FetchError

if TYPE_CHECKING:
    from weft.fetch.pages import Fetcher

__all__ = ["Robots"]

REMEMBERED = 10_000  # hosts
LARGEST = 512 * 1024  # bytes that are read of a file; RFC 9309 asks for 500 KiB at least
EVERYTHING, NOTHING = "User-agent: *\nAllow: /", "User-agent: *\nDisallow: /"


class Rules:
    """Those of one host."""

    def __init__(self) -> None:
        self.known = weft.Event()
        self.parsed: Any = None
        self.error: FetchError | None = None


class Robots:
    """Which addresses may be fetched by who calls itself `agent`."""

    def __init__(self, fetcher: "Fetcher", agent: str) -> None:
        try:
            import protego
        except ImportError:
            raise ValueError("robots.txt needs Protego: pip install 'weft[crawl]'") from None
        self.parse = protego.Protego.parse
        self.fetcher = fetcher
        self.agent = agent
        self.hosts: dict[str, Rules] = {}

    def check(self, url: str) -> float:
        """Raise FetchError if `url` may not be fetched; else the seconds that the host wants between two pages."""
        parts = urlsplit(url)
        if parts.path == "/robots.txt":
            return 0.0
        origin = f"{parts.scheme}://{parts.netloc}"
        rules = self.hosts.get(origin)
        if rules is None:
            if len(self.hosts) >= REMEMBERED:
                self.hosts.pop(next(iter(self.hosts)))
            rules = self.hosts[origin] = Rules()
            try:
                rules.parsed = self.parse(self.read(f"{origin}/robots.txt"))
            except FetchError as error:
                rules.error = error
            finally:
                if rules.parsed is None and rules.error is None:  # interrupted: the next one asks again
                    self.hosts.pop(origin, None)
                rules.known.set()
        rules.known.wait()
        if rules.error is not None:
            raise FetchError(url, f"its robots.txt cannot be read: {rules.error.reason}", kind=rules.error.kind)
        if rules.parsed is None:
            return self.check(url)
        if not rules.parsed.can_fetch(url, self.agent):
            raise FetchError(url, "robots.txt forbids it (--no-robots asks all the same)", kind="robots")
        return float(rules.parsed.crawl_delay(self.agent) or 0)

    def read(self, url: str) -> str:
        """The file; everything is allowed where there is none, nothing where the server fails (RFC 9309, section 2.3.1)."""
        page = self.fetcher.once(url)
        if page.status >= 500:
            return NOTHING
        return page.body[:LARGEST].decode("utf-8", "replace") if page.status < 300 else EVERYTHING
