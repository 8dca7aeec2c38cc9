"""What is looked for in a page: links, its title, what a CSS selector or a regular expression finds."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urldefrag, urljoin

from weft.fetch.page import Page
from weft.fetch.record import whole

__all__ = ["extractor", "links"]

CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w-]+)", re.IGNORECASE)
Extractor = Callable[[Page], list[str]]


def text_of(page: Page) -> str:
    """The body as text, in the encoding that the header or the page itself names; UTF-8 if none does."""
    body = whole(page)
    named = re.search(r"charset\s*=\s*\"?([\w-]+)", page.headers.get("content-type") or "", re.IGNORECASE)
    inner = CHARSET.search(body[:2048])
    encoding = named[1] if named else inner[1].decode() if inner else "utf-8"
    try:
        return body.decode(encoding, "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


def parsed(page: Page) -> Any:
    """The page as a tree."""
    try:
        from selectolax.lexbor import LexborHTMLParser
    except ImportError:
        raise ValueError("links, titles and CSS selectors need selectolax: pip install 'weft[extract]'") from None
    return LexborHTMLParser(text_of(page))


def links(page: Page) -> list[str]:
    """The addresses that a page links to, absolute, without fragments, each once, in order."""
    tree = parsed(page)
    base = page.final_url
    named = tree.css_first("base[href]")
    if named is not None:
        base = urljoin(base, named.attributes["href"] or "")
    found: dict[str, None] = {}
    for node in tree.css("a[href], area[href], link[rel~=next][href], iframe[src], frame[src]"):
        try:
            url = urldefrag(urljoin(base, (node.attributes.get("href") or node.attributes.get("src") or "").strip())).url
        except ValueError:
            continue
        if url.startswith(("http://", "https://")):
            found.setdefault(url)
    return list(found)


def title(page: Page) -> list[str]:
    node = parsed(page).css_first("title")
    return [] if node is None else [" ".join(node.text().split())]


NAMED: dict[str, Extractor] = {"links": links, "title": title}


def extractor(wish: str) -> tuple[str, Extractor]:
    """What ``--extract`` asks for, and how to find it: ``links``, ``title``, ``css:SELECTOR`` (with ``@name`` at its end for an attribute)
    or ``re:PATTERN`` (its first group, if it has one). ValueError for anything else."""
    kind, _, rest = wish.partition(":")
    if wish in NAMED:
        return wish, NAMED[wish]
    if kind == "css" and rest:
        selector, _, attribute = rest.partition("@") if re.search(r"@[\w-]+$", rest) else (rest, "", "")

        def select(page: Page) -> list[str]:
            nodes = parsed(page).css(selector)
            if attribute:
                return [node.attributes[attribute] or "" for node in nodes if attribute in node.attributes]
            return [" ".join(node.text().split()) for node in nodes]

        return wish, select
    if kind == "re" and rest:
        try:
            pattern = re.compile(rest)
        except re.error as error:
            raise ValueError(f"--extract {wish}: {error}") from None
        return wish, lambda page: [found[1] if pattern.groups else found[0] for found in pattern.finditer(text_of(page))]
    raise ValueError(f"--extract {wish}: it is links, title, css:SELECTOR or re:PATTERN")
