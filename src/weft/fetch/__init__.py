"""Fetch pages: ``get`` for one, ``fetch_all`` for many at once, ``Client`` to keep connections from page to page.

    >>> import weft.fetch
    >>> weft.fetch.get("ftp://example.org/")
    Traceback (most recent call last):
    weft.fetch.errors.FetchError: ftp://example.org/: only http and https are fetched

Each page is a task with a plain blocking call; libcurl is the transport, driven by weft's own scheduler.
"""

from weft.fetch.client import Client
from weft.fetch.errors import FetchError
from weft.fetch.headers import Headers, Timing
from weft.fetch.options import Options
from weft.fetch.page import Page
from weft.fetch.pages import Fetcher, fetch_all, get

__all__ = ["Client", "FetchError", "Fetcher", "Headers", "Options", "Page", "Timing", "fetch_all", "get"]
