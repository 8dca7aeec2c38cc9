"""A crawl: the pages that pages link to, within bounds."""

from collections import deque
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from urllib.parse import urlsplit

import weft
from weft.fetch.errors import FetchError
from weft.fetch.extract import links
from weft.fetch.page import Page
from weft.fetch.record import media_type
from weft.fetch.state import Link

__all__ = ["Crawl"]

PAGES = ("text/html", "application/xhtml+xml")


class Crawl:
    """Addresses to fetch, as they are found: from `seeds` on, at most `depth` links away, on the hosts of the seeds or of `domains`
    (each with those below it). Iterate over it, and tell it of each page that came (``ended``): it ends when nothing is left."""

    def __init__(self, seeds: Iterable[str], depth: int, domains: Iterable[str] = (), waiting: Iterable[Link] = ()) -> None:
        """`waiting`: what an earlier run has found and not fetched."""
        self.depth = depth
        self.domains = {domain.lower().lstrip(".") for domain in domains}
        self.fixed = bool(self.domains)
        self.seeds = seeds
        self.depths: dict[str, int] = {}
        self.queue = deque(waiting)
        self.seen = {mark(url) for url, _ in self.queue}
        self.news = weft.Event()

    def __iter__(self) -> Iterator[str]:
        for seed in self.seeds:
            if not self.fixed:
                self.domains.add((urlsplit(seed).hostname or "").removeprefix("www."))
            self.add([(seed, 0)])
            yield from self.next()
        while self.queue or self.depths:
            yield from self.next()
            if not self.queue and self.depths:
                self.news.clear()
                self.news.wait()

    def next(self) -> Iterator[str]:
        while self.queue:
            url, depth = self.queue.popleft()
            self.depths[url] = depth
            yield url

    def found(self, result: Page | FetchError) -> list[Link]:
        """The links of a page that lie within the bounds. On a real thread."""
        depth = self.depths.get(result.url, self.depth)
        if isinstance(result, FetchError) or not result.ok or depth >= self.depth:
            return []
        if media_type(result) not in PAGES:
            return []
        return [(url, depth + 1) for url in links(result) if self.within(url)]

    def within(self, url: str) -> bool:
        """Whether an address is on one of the hosts."""
        try:
            host = (urlsplit(url).hostname or "").removeprefix("www.")
        except ValueError:
            return False
        return any(host == domain or host.endswith("." + domain) for domain in self.domains)

    def add(self, found: Iterable[Link]) -> None:
        """Queue what is not known."""
        for url, depth in found:
            if mark(url) not in self.seen:
                self.seen.add(mark(url))
                self.queue.append((url, depth))
        self.news.set()

    def ended(self, url: str) -> None:
        """A page is done, and what it links to is added."""
        self.depths.pop(url, None)
        self.news.set()


def mark(url: str) -> int:
    """64 bits in the place of an address: ten million take 600 MB less."""
    return int.from_bytes(blake2b(url.encode("utf-8", "surrogatepass"), digest_size=8).digest())
