"""Parquet (https://parquet.apache.org): a folder of parts, each whole, as pyarrow, pandas, DuckDB and Spark read it."""

from pathlib import Path
from typing import Any

from weft.fetch.errors import FetchError
from weft.fetch.outputs.output import Output
from weft.fetch.page import Page
from weft.fetch.record import FIELDS, flat, record, whole

__all__ = ["Parquet"]

ROWS, BYTES = 20_000, 64 * 1024**2  # of a part, when it is written


class Parquet(Output):
    """The fields of ``weft.fetch.record`` (headers and timing as JSON) and the body, in parts of up to 20,000 rows.

    The mark is the number of parts. A part is there whole or not at all; those that were not committed are removed by ``restore``.
    """

    def __init__(self, place: Path, bodies: bool, keep: bool) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise ValueError(f"{place}: Parquet needs pyarrow: pip install 'weft[parquet]'") from None
        self.arrow: Any = pyarrow
        self.place = place
        self.bodies = bodies
        self.rows: list[dict[str, object]] = []
        self.size = 0
        place.mkdir(parents=True, exist_ok=True)
        self.parts = len(list(place.glob("part-*.parquet"))) if keep else 0
        if not keep:
            self.restore(0)
        text = pyarrow.string()
        kinds = {"status": pyarrow.int16(), "size": pyarrow.int64(), "seconds": pyarrow.float64(), "attempts": pyarrow.int16()}
        fields = [(name, kinds.get(name, text)) for name in FIELDS]
        self.schema = pyarrow.schema([*fields, ("body", pyarrow.large_binary())] if bodies else fields)

    def add(self, result: Page | FetchError) -> None:
        row = flat(record(result, self.extractors))
        if self.bodies:
            body = whole(result) if isinstance(result, Page) else None
            row["body"] = body
            self.size += len(body or b"")
        self.rows.append(row)
        if len(self.rows) >= ROWS or self.size >= BYTES:
            self.write()

    def write(self) -> None:
        """Write what is held as a part."""
        if not self.rows:
            return
        part = self.place / f".part-{self.parts:06}.tmp"
        self.arrow.parquet.write_table(self.arrow.Table.from_pylist(self.rows, self.schema), part, compression="zstd")
        part.replace(self.place / f"part-{self.parts:06}.parquet")
        self.parts += 1
        self.rows, self.size = [], 0

    def commit(self) -> int:
        self.write()
        return self.parts

    def restore(self, mark: int) -> None:
        self.rows, self.size = [], 0
        for part in [*self.place.glob("part-*.parquet"), *self.place.glob(".part-*.tmp")]:
            if not part.name.startswith("part-") or int(part.stem[5:]) >= mark:
                part.unlink()
        self.parts = mark

    def close(self) -> None:
        self.write()
