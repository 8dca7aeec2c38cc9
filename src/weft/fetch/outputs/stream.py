"""Standard output: bodies one after the other, JSON lines, or lines of a template; for pipes."""

import json
import os
from pathlib import Path

from weft.fetch.errors import FetchError
from weft.fetch.outputs.output import Output
from weft.fetch.page import Page
from weft.fetch.record import content, printable, record

__all__ = ["Bodies", "Records", "Template"]


class Stream(Output):
    """Written as it comes; there is nothing to take back."""

    place = Path("standard output")
    number = 1

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self.number, view) :]

    def commit(self) -> int:
        return 0

    def restore(self, mark: int) -> None:
        """What has been read by others stays."""


class Bodies(Stream):
    """The bodies, as they are."""

    def add(self, result: Page | FetchError) -> None:
        if isinstance(result, Page) and result.ok:
            for piece in content(result):
                self.write(piece)


class Records(Stream):
    """An object a line, without the body."""

    def add(self, result: Page | FetchError) -> None:
        self.write(json.dumps(record(result, self.extractors), ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")


class Template(Stream):
    """A line a page by a template: ``{status} {size} {seconds:.3f} {url}``; ``\\n`` and ``\\t`` are what they are elsewhere.

    The fields are those of ``weft.fetch.record``, and what was extracted by its name (``{title}``, ``{links}``). ValueError for others.
    """

    def __init__(self, template: str) -> None:
        self.template = template.replace("\\n", "\n").replace("\\t", "\t")
        if not self.template.endswith("\n"):
            self.template += "\n"

    def check(self) -> None:
        """Try the template. ValueError says what is wrong with it."""
        try:
            self.line(FetchError("http://localhost/", "a trial"))
        except (KeyError, IndexError, ValueError, AttributeError) as error:
            raise ValueError(f"--format: {error!r} in {self.template.strip()!r}") from None

    def line(self, result: Page | FetchError) -> str:
        fields = record(result, self.extractors)
        found = fields.pop("extracted", None) or {}
        assert isinstance(found, dict)
        shown = {name: "" if value is None else printable(value) if isinstance(value, str) else value for name, value in fields.items()}
        for name in self.extractors:
            shown[name] = printable(", ".join(found.get(name, ())))
        numbers = {name: value if value != "" else 0 for name, value in shown.items() if name in ("status", "size", "seconds", "attempts")}
        return self.template.format_map(shown | numbers)

    def add(self, result: Page | FetchError) -> None:
        self.write(self.line(result).encode("utf-8", "backslashreplace"))
