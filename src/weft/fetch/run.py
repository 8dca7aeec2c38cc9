"""A whole run: addresses in, pages out, with what it has done kept safe."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing

import weft
from weft.fetch import spool
from weft.fetch.batches import Batches
from weft.fetch.crawl import Crawl
from weft.fetch.outputs.output import Output
from weft.fetch.page import Page
from weft.fetch.pages import Fetcher
from weft.fetch.record import Result
from weft.fetch.state import Link, State
from weft.fetch.workers import Workers

__all__ = ["Run"]

HELD = 32 * 1024**2  # bytes of bodies that wait to be written
BATCH = 256  # pages of one commit at most; fewer if no more have come


class Run:
    """Fetches addresses and writes what comes. ``stop()`` lets it finish what is on its way.

    `seen` is called with each result once it is written and, with a state, recorded. What the `state` has is passed over; with
    `failed_again` not if it failed, with `again` never: then it is asked whether it has changed.
    """

    def __init__(
        self,
        fetcher: Fetcher | Workers,
        concurrency: int,
        outputs: Sequence[Output] = (),
        state: State | None = None,
        seen: Callable[[Result], object] = lambda result: None,
        failed_again: bool = False,
        again: bool = False,
        crawl: Crawl | None = None,
    ) -> None:
        self.fetcher = fetcher
        self.concurrency = concurrency
        self.outputs = outputs
        self.state = state
        self.seen = seen
        self.failed_again = failed_again
        self.again = again
        self.crawl = crawl
        self.skipped = 0
        self.stopping = False
        self.active: set[str] = set()
        self.written: Batches[Result] = Batches(max(16, min(BATCH, HELD // spool.room(concurrency))))

    def stop(self) -> None:
        """Take no more addresses."""
        self.stopping = True
        if self.crawl is not None:
            self.crawl.news.set()

    def run(self, urls: Iterable[str]) -> None:
        """Fetch and write them all. OSError or sqlite3.Error if something cannot be written: then what was committed is intact."""
        if self.state is not None and self.again:
            self.fetcher.conditions = self.conditions
        results = self.fetcher.fetch_all(self.left(urls), self.concurrency)
        try:
            with closing(results):  # nothing is on its way any more when this returns
                if self.outputs or self.state is not None or self.crawl is not None:
                    self.write_all(results)
                else:
                    for result in results:
                        self.seen(result)
        except BaseExceptionGroup as errors:
            raise first_of(errors) from None

    def write_all(self, results: Iterable[Result]) -> None:
        """Collect what comes, while what came before is written."""
        with weft.TaskGroup() as group:
            group.spawn(self.write)
            for result in results:
                self.written.put(result)
            self.written.close()

    def left(self, urls: Iterable[str]) -> Iterator[str]:
        """The addresses that are not done, nor on their way."""
        state = self.state
        for url in urls:
            if self.stopping:
                return
            if state is not None:
                if url in self.active or (not self.again and state.done(url, failed_again=self.failed_again)):
                    self.skipped += 1
                    if self.crawl is not None:
                        self.crawl.ended(url)
                    continue
                self.active.add(url)
            yield url

    def write(self) -> None:
        """Write what comes, as much at once as has come."""
        for batch in self.written:
            links = weft.offload(self.commit, batch)
            if self.crawl is not None:
                self.crawl.add(links)
            for result in batch:
                if isinstance(result, Page) and result.file is not None:
                    result.file.unlink(missing_ok=True)
                self.active.discard(result.url)
                if self.crawl is not None:
                    self.crawl.ended(result.url)
                self.seen(result)

    def commit(self, results: list[Result]) -> list[Link]:
        """Add to every output, then to the state. On a real thread. Returns the links that a crawl goes on with."""
        links = [link for result in results for link in self.crawl.found(result)] if self.crawl is not None else []
        for output in self.outputs:
            for result in results:
                output.add(result)
        marks = {output.place: output.commit() for output in self.outputs}
        return self.state.commit(results, marks, links) if self.state is not None else links

    def conditions(self, url: str) -> list[str]:
        """Header fields that ask for a page only if it has changed (RFC 9110, section 13.1)."""
        assert self.state is not None
        etag, modified = self.state.tokens(url)
        return [f"If-None-Match: {etag}"] * bool(etag) + [f"If-Modified-Since: {modified}"] * bool(modified)


def first_of(errors: BaseException) -> BaseException:
    """The first exception in a group of groups."""
    while isinstance(errors, BaseExceptionGroup):
        errors = errors.exceptions[0]
    return errors
