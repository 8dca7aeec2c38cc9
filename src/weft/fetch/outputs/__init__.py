"""Where pages go: a folder of files, JSON lines, WARC, SQLite, Parquet, or lines of a template."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from weft.fetch.outputs.output import Output

__all__ = ["KINDS", "open_output"]

KINDS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".warc": "warc",
    ".warc.gz": "warc",
    ".db": "sqlite",
    ".sqlite": "sqlite",
    ".parquet": "parquet",
}


def open_output(path: str, *, bodies: bool = True, keep: bool = False) -> "Output":
    """The output that the name of `path` asks for: by its ending, a folder if it has none that is known, ``-`` for standard output.

    `bodies`: write bodies, too; `keep`: go on with what is there (it is taken back to what was committed), else begin anew.
    ValueError names the extra to install if a library is missing.
    """
    if path == "-":
        from weft.fetch.outputs.stream import Bodies

        return Bodies()
    name = path.lower()
    kind = next((kind for ending, kind in KINDS.items() if name.endswith(ending)), "files")
    place = Path(path)
    if kind == "jsonl":
        from weft.fetch.outputs.jsonl import JsonLines

        return JsonLines(place, bodies, keep)
    if kind == "warc":
        from weft.fetch.outputs.warc import Warc

        return Warc(place, keep)
    if kind == "sqlite":
        from weft.fetch.outputs.sqlite import Sqlite

        return Sqlite(place, bodies, keep)
    if kind == "parquet":
        from weft.fetch.outputs.parquet import Parquet

        return Parquet(place, bodies, keep)
    from weft.fetch.outputs.files import Files

    return Files(place)
