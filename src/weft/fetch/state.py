"""What a run has done, in an SQLite database: killed at any moment and started again, it goes on.

A commit is one transaction: the addresses that are done, and the mark of every output (how far it was written when they were). When a run
begins again, each output is taken back to its mark: what was written after it belongs to pages that are not done, and are fetched again.
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from weft.fetch.errors import FetchError
from weft.fetch.page import Page
from weft.fetch.record import UNCHANGED

__all__ = ["State"]

TABLES = """
CREATE TABLE IF NOT EXISTS pages (
    url TEXT PRIMARY KEY, status INTEGER, size INTEGER, seconds REAL, error TEXT, reason TEXT, etag TEXT, modified TEXT, fetched REAL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outputs (place TEXT PRIMARY KEY, mark INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS frontier (number INTEGER PRIMARY KEY, url TEXT UNIQUE NOT NULL, depth INTEGER NOT NULL);
"""


Link = tuple[str, int]  # an address and its depth


class State:
    """The database at `place`. What writes is called by one thread at a time. ValueError if another process uses it."""

    def __init__(self, place: Path) -> None:
        self.place = place
        place.parent.mkdir(parents=True, exist_ok=True)
        self.lock = os.open(f"{place}-lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)  # of its own: closing a file drops its locks
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self.lock)
            raise ValueError(f"{place} is in use by another weft fetch") from None
        self.reader = self.database = sqlite3.connect(place, check_same_thread=False, isolation_level=None)
        try:
            self.database.execute("PRAGMA journal_mode=WAL")
            self.database.execute("PRAGMA synchronous=FULL")
            self.database.executescript(TABLES)
            self.reader = sqlite3.connect(place, check_same_thread=False, isolation_level=None)
        except sqlite3.DatabaseError as error:
            self.close()
            raise ValueError(f"{place} is not a state of weft fetch: {error}") from None

    def close(self) -> None:
        self.database.close()
        self.reader.close()
        os.close(self.lock)

    def done(self, url: str, *, failed_again: bool = False) -> bool:
        """Whether `url` is done; with `failed_again` not if it failed, or had a status of 400 or more. From any thread: it reads alone."""
        found = self.reader.execute("SELECT error IS NULL AND status < 400 FROM pages WHERE url = ?", (url,)).fetchone()
        return found is not None and (bool(found[0]) or not failed_again)

    def known(self, *, failed: bool = False) -> Iterator[str]:
        """The addresses that are done; with `failed` those that failed, or had a status of 400 or more."""
        question = "SELECT url FROM pages" + (" WHERE (error IS NOT NULL OR status >= 400)" if failed else "") + " ORDER BY url LIMIT 1000"
        some = [url for (url,) in self.reader.execute(question)]
        last = question.replace(" ORDER", (" AND" if failed else " WHERE") + " url > ? ORDER")
        while some:
            yield from some
            some = [url for (url,) in self.reader.execute(last, some[-1:])]

    def empty(self) -> bool:
        """Whether nothing is done yet."""
        return self.database.execute("SELECT 1 FROM pages LIMIT 1").fetchone() is None

    def tokens(self, url: str) -> tuple[str | None, str | None]:
        """The ETag and the Last-Modified that came with a page, for a conditional request."""
        found = self.reader.execute("SELECT etag, modified FROM pages WHERE url = ? AND error IS NULL", (url,)).fetchone()
        return found or (None, None)

    def mark(self, place: Path) -> int | None:
        """The mark of an output; None if it is new."""
        found = self.database.execute("SELECT mark FROM outputs WHERE place = ?", (str(place.absolute()),)).fetchone()
        return found[0] if found else None

    def commit(self, results: Iterable[Page | FetchError], marks: dict[Path, int], links: Iterable[Link] = ()) -> list[Link]:
        """Note that these are done, how far the outputs are, and what a crawl has found: all or nothing. Returns the links that are new."""
        now = time.time()
        rows = [row_of(result, now) for result in results if not isinstance(result, Page) or result.status != UNCHANGED]
        fresh = []
        self.database.execute("BEGIN IMMEDIATE")
        try:
            self.database.executemany("INSERT OR REPLACE INTO pages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
            places = [(str(place.absolute()), mark) for place, mark in marks.items()]
            self.database.executemany("INSERT OR REPLACE INTO outputs VALUES (?, ?)", places)
            for link in links:
                if self.database.execute("INSERT OR IGNORE INTO frontier (url, depth) VALUES (?, ?)", link).rowcount:
                    fresh.append(link)
            self.database.execute("COMMIT")
        except BaseException:
            if self.database.in_transaction:
                self.database.execute("ROLLBACK")
            raise
        return fresh

    def waiting(self) -> list[Link]:
        """What a crawl has found and not fetched."""
        question = "SELECT url, depth FROM frontier WHERE url NOT IN (SELECT url FROM pages) ORDER BY number"
        return list(self.database.execute(question))


def row_of(result: Page | FetchError, now: float) -> tuple[object, ...]:
    if isinstance(result, FetchError):
        return result.url, None, None, result.seconds, result.kind, result.reason, None, None, now
    etag, modified = result.headers.get("etag"), result.headers.get("last-modified")
    return result.url, result.status, result.size, result.seconds, None, None, etag, modified, now
