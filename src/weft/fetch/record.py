"""What is written down of a page: one flat mapping, the same for every kind of output."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from weft.fetch.errors import FetchError
from weft.fetch.page import Page

__all__ = ["FIELDS", "UNCHANGED", "Result", "content", "flat", "inline", "media_type", "printable", "record", "whole"]

FIELDS = (
    "url",
    "final_url",
    "status",
    "size",
    "seconds",
    "began",
    "http",
    "address",
    "attempts",
    "error",
    "reason",
    "content_type",
    "headers",
    "timing",
    "extracted",
)
CHUNK = 1024**2
UNCHANGED = 304  # the status of a page that is as it was: what is known of it stands
Result = Page | FetchError
NONE: dict[str, Callable[[Page], list[str]]] = {}


def record(result: Result, extractors: Mapping[str, Callable[[Page], list[str]]] = NONE) -> dict[str, object]:
    """The fields of ``FIELDS``; None for what a failed page does not have. ``error`` is the error's kind; ``extracted`` what each of the
    `extractors` finds in a page, by its name."""
    if isinstance(result, FetchError):
        missing: dict[str, object] = dict.fromkeys(FIELDS)
        known = {"url": result.url, "seconds": round(result.seconds, 6), "attempts": result.attempts}
        return missing | known | {"error": result.kind, "reason": result.reason}
    return {
        "url": result.url,
        "final_url": result.final_url,
        "status": result.status,
        "size": result.size,
        "seconds": round(result.seconds, 6),
        "began": datetime.fromtimestamp(result.began, UTC).isoformat(timespec="milliseconds"),
        "http": result.http,
        "address": result.address,
        "attempts": result.attempts,
        "error": None,
        "reason": None,
        "content_type": result.headers.get("content-type"),
        "headers": [[name, value] for name in result.headers for value in result.headers.all(name)],
        "timing": {name: round(value, 6) for name, value in result.timing._asdict().items()},
        "extracted": {name: find(result) for name, find in extractors.items()} or None,
    }


def content(page: Page) -> Iterator[bytes]:
    """The body in pieces, from memory or from its file."""
    if page.file is None:
        yield page.body
        return
    with page.file.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def whole(page: Page) -> bytes:
    """The body, from memory or from its file."""
    return b"".join(content(page))


def media_type(page: Page) -> str:
    """What the server says that the body is; HTML if it does not say."""
    return (page.headers.get("content-type") or "text/html").partition(";")[0].strip().lower()


def flat(fields: dict[str, object]) -> dict[str, object]:
    """A record for a table: what has parts is JSON."""
    return {name: json.dumps(value) if isinstance(value, list | dict) else value for name, value in fields.items()}


def inline(page: Page) -> dict[str, str]:
    """The body for JSON: ``body`` if it is UTF-8, else ``body_base64``."""
    body = whole(page)
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(body).decode()}


def printable(text: str) -> str:
    """`text` without what a terminal would take for an order: servers choose some of the words that are printed."""
    return text if text.isprintable() else "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
