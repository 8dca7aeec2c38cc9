"""An SQLite database with a table of pages (https://www.sqlite.org)."""

import sqlite3
from pathlib import Path

from weft.fetch.errors import FetchError
from weft.fetch.outputs.output import Output
from weft.fetch.page import Page
from weft.fetch.record import FIELDS, flat, record, whole

__all__ = ["Sqlite"]


class Sqlite(Output):
    """The table ``pages``: a row a URL, with ``weft.fetch.record``'s fields (headers and timing as JSON) and the body as a blob."""

    def __init__(self, place: Path, bodies: bool, keep: bool) -> None:
        self.place = place
        self.bodies = bodies
        place.parent.mkdir(parents=True, exist_ok=True)
        self.database = sqlite3.connect(place, check_same_thread=False, isolation_level=None)
        self.database.execute("PRAGMA journal_mode=WAL")
        self.database.execute("PRAGMA synchronous=FULL")
        if not keep:
            self.database.execute("DROP TABLE IF EXISTS pages")
        columns = ", ".join(f"{name} TEXT PRIMARY KEY" if name == "url" else name for name in (*FIELDS, "body"))
        self.database.execute(f"CREATE TABLE IF NOT EXISTS pages ({columns})")
        self.insert = f"INSERT OR REPLACE INTO pages VALUES ({', '.join('?' * (len(FIELDS) + 1))})"

    def add(self, result: Page | FetchError) -> None:
        if not self.database.in_transaction:
            self.database.execute("BEGIN")
        values = flat(record(result, self.extractors)).values()
        body = whole(result) if self.bodies and isinstance(result, Page) else None
        self.database.execute(self.insert, [*values, body])

    def commit(self) -> int:
        if self.database.in_transaction:
            self.database.execute("COMMIT")
        return 0

    def restore(self, mark: int) -> None:
        """Nothing to undo but what was not committed: who fetches a page again replaces its row."""
        if self.database.in_transaction:
            self.database.execute("ROLLBACK")

    def close(self) -> None:
        self.database.close()
