"""JSON lines: an object a page (https://jsonlines.org)."""

import json
from pathlib import Path

from weft.fetch.errors import FetchError
from weft.fetch.outputs.output import Appended
from weft.fetch.page import Page
from weft.fetch.record import inline, record

__all__ = ["JsonLines"]


class JsonLines(Appended):
    """One object a line: the fields of ``weft.fetch.record``, and the body as ``body`` (text) or ``body_base64``."""

    def __init__(self, place: Path, bodies: bool, keep: bool) -> None:
        super().__init__(place, keep)
        self.bodies = bodies

    def add(self, result: Page | FetchError) -> None:
        fields = record(result, self.extractors)
        if self.bodies and isinstance(result, Page):
            fields |= inline(result)
        self.append(json.dumps(fields, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n")
