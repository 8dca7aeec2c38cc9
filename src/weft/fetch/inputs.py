"""Where addresses come from: text, CSV, JSON lines or a sitemap; a file, standard input or a URL; compressed or not; as they come."""

import csv
import json
import os
import re
import zlib
from collections.abc import Callable, Iterator
from html import unescape
from itertools import chain

import weft
from weft.fetch.page import Page

__all__ = ["InputError", "addresses"]

CHUNK = 65536
LOOK = 0.2  # seconds between two looks at whether to stop, while input does not come
DEEPEST = 5  # sitemap indexes in sitemap indexes
LOCATION = re.compile(rb"<(?:\w+:)?loc\b[^>]*>\s*(?:<!\[CDATA\[)?\s*(.*?)\s*(?:\]\]>)?\s*</(?:\w+:)?loc>", re.DOTALL)
INDEX = re.compile(rb"<(?:\w+:)?sitemapindex\b")
Get = Callable[[str], Page]


class InputError(ValueError):
    """A source of addresses cannot be read; the message says which, and why."""


def addresses(
    source: str, *, column: str | None = None, get: Get | None = None, stopped: Callable[[], bool] = lambda: False
) -> Iterator[str]:
    """The addresses in `source`: a file, ``-`` for standard input, or a URL (which `get` fetches). Raises InputError.

    By the name's ending (``.gz`` apart): ``.csv`` and ``.tsv``, `column` a name of the first line, or a number from 1; ``.jsonl``, `column`
    the field (``url``); ``.xml``, a sitemap or an index of them (https://www.sitemaps.org/protocol.html); else a line each: empty ones
    and those that begin with # are passed over. `column` makes JSON lines or CSV of any other name, by its first character.
    """
    name = source.lower().removesuffix(".gz")
    if name.endswith(".xml"):
        return sitemap(source, get, 0, stopped)
    if "://" in source:
        if get is None:
            raise InputError(f"{source}: not a file")
        return lines(chain([got(source, get).body]))
    pieces = unpacked(source, chunks(source, stopped))
    if name.endswith((".csv", ".tsv")):
        return from_csv(source, split(pieces), column, "\t" if name.endswith(".tsv") else ",")
    if name.endswith((".jsonl", ".ndjson")):
        return from_json(source, split(pieces), column or "url")
    if column is not None:
        rest = split(pieces)
        first = next(rest, b"")
        whole = chain([first], rest)
        if first.lstrip().startswith(b"{"):
            return from_json(source, whole, column)
        return from_csv(source, whole, column, "\t" if b"\t" in first else ",")
    return lines(pieces)


def chunks(path: str, stopped: Callable[[], bool]) -> Iterator[bytes]:
    """What a file or standard input has, as it comes; the task is parked meanwhile."""
    number = -1
    try:
        number = os.dup(0) if path == "-" else os.open(path, os.O_RDONLY)
        while not stopped():
            try:
                weft.wait_readable(number, LOOK)
            except TimeoutError:
                continue
            chunk = os.read(number, CHUNK)
            if not chunk:
                return
            yield chunk
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    finally:
        if number >= 0:
            os.close(number)


def unpacked(name: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Undo gzip, one member or several, if it is there; whatever the name says."""
    first = next(pieces, b"")
    if len(first) == 1:
        first += next(pieces, b"")
    pieces = chain([first], pieces)
    if not first.startswith(b"\x1f\x8b"):
        yield from pieces
        return
    opener = zlib.decompressobj(31)
    try:
        for piece in pieces:
            rest = piece
            while rest:
                if opener.eof:
                    opener = zlib.decompressobj(31)
                made = opener.decompress(rest, CHUNK * 16)
                rest = opener.unconsumed_tail or opener.unused_data
                if made:
                    yield made
    except zlib.error as error:
        raise InputError(f"{name}: damaged gzip: {error}") from None
    if not opener.eof:
        raise InputError(f"{name}: the gzip file ends too early")


def split(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Lines, without their ends."""
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
    if rest:
        yield rest


def lines(pieces: Iterator[bytes]) -> Iterator[str]:
    """An address a line."""
    for line in split(pieces):
        text = line.decode("utf-8-sig", "replace").strip()
        if text and not text.startswith("#"):
            yield text


def from_csv(source: str, found: Iterator[bytes], column: str | None, delimiter: str) -> Iterator[str]:
    """The column of that name or number; without one that called url, or the first that looks like an address."""
    rows = csv.reader((line.decode("utf-8-sig", "replace") + "\n" for line in found), delimiter=delimiter)
    first = next(rows, None)
    if first is None:
        return
    names = [name.strip().lower() for name in first]
    if column is not None and column.isdigit() and 1 <= int(column) <= len(first):
        index, header = int(column) - 1, "://" not in first[int(column) - 1]
    elif (column or "url").lower() in names:
        index, header = names.index((column or "url").lower()), True
    elif column is None and any("://" in value for value in first):
        index, header = next(number for number, value in enumerate(first) if "://" in value), False
    else:
        raise InputError(f"{source}: no column {column or 'url'}; it has {', '.join(first)} (--column NAME or a number)")
    for row in rows if header else chain([first], rows):
        if index < len(row) and row[index].strip():
            yield row[index].strip()


def from_json(source: str, rows: Iterator[bytes], column: str) -> Iterator[str]:
    """The field of that name of an object a line."""
    for number, line in enumerate(rows, 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
            value = found if isinstance(found, str) else found[column]
        except (ValueError, KeyError, TypeError):
            raise InputError(f"{source}, line {number}: no object with a field {column} (--column NAME)") from None
        if value:
            yield str(value).strip()


def got(url: str, get: Get) -> Page:
    """The page of a source that is itself on the web."""
    try:
        page = get(url)
    except OSError as error:
        raise InputError(str(error)) from None
    if not page.ok:
        raise InputError(f"{url}: status {page.status}")
    return page


def sitemap(source: str, get: Get | None, depth: int, stopped: Callable[[], bool]) -> Iterator[str]:
    """The locations in a sitemap, and in those that an index names."""
    if "://" in source:
        if get is None or depth > DEEPEST:
            return
        pieces: Iterator[bytes] = iter([got(source, get).body])
    else:
        pieces = chunks(source, stopped)
    rest = b""
    index = False
    for piece in unpacked(source, pieces):
        rest += piece
        index = index or INDEX.search(rest[:CHUNK]) is not None
        end = 0
        for found in LOCATION.finditer(rest):
            end = found.end()
            url = unescape(found[1].decode("utf-8", "replace"))
            if index:
                yield from sitemap(url, get, depth + 1, stopped)
            else:
                yield url
        rest = rest[end:][-CHUNK:] if end else rest[-16 * CHUNK :]
