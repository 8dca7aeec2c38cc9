"""A client for programs: connections that are kept, and hooks."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from weft.fetch.errors import FetchError
from weft.fetch.options import Options
from weft.fetch.page import Page
from weft.fetch.pages import Fetcher, at_least_one

__all__ = ["Client"]


class Client:
    """Keeps connections, TLS sessions and cookies from page to page; use it in a ``with`` block, from tasks of one OS thread.

    `concurrency`: pages at once of ``fetch_all``, and idle connections that are kept. `before(url)` returns header fields to send with that
    page alone (``["Name: value"]``); `after(result)` sees each Page or FetchError before the caller does. `options`: those of ``Options``;
    ValueError or TypeError for what makes no sense.

        with Client(concurrency=50, retries=3, after=log) as client:
            page = client.get("https://example.org/")
    """

    def __init__(
        self,
        *,
        concurrency: int = 100,
        before: Callable[[str], list[str]] | None = None,
        after: Callable[[Page | FetchError], object] | None = None,
        **options: Any,
    ) -> None:
        self.concurrency = at_least_one(concurrency)
        self.after = after
        self.fetcher = Fetcher(Options(**options), concurrency)
        self.fetcher.conditions = before

    def get(self, url: str) -> Page:
        """Fetch a page, parked until it is there. Raises FetchError if there is none; a status of 400 and more is one (``page.ok``)."""
        result = self.fetcher.attempt(url)
        if self.after is not None:
            self.after(result)
        if isinstance(result, FetchError):
            raise result
        return result

    def fetch_all(self, urls: Iterable[str]) -> Iterator[Page | FetchError]:
        """Fetch many at once; yields each as it comes: a Page, or the FetchError of one that failed. `urls` may be endless."""
        for result in self.fetcher.fetch_all(urls, self.concurrency):
            if self.after is not None:
                self.after(result)
            yield result

    def close(self) -> None:
        """Close every connection."""
        self.fetcher.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
