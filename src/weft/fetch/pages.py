"""One page, and many at once."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import SplitResult, urlsplit

import pycurl

import weft
from weft.fetch.callbacks import Bell, Body
from weft.fetch.errors import FetchError
from weft.fetch.manners import Hosts, pause_before
from weft.fetch.options import REDIRECTS, Options
from weft.fetch.page import Headers, Page, Timing
from weft.fetch.transport import Transport

__all__ = ["Fetcher", "fetch_all", "get"]

PATIENCE = 1.0  # seconds that pages of an https host wait for its first connection: if it speaks HTTP/2, they share it, as with curl -Z
SCHEMES = ("http", "https")


class Fetcher:
    """Fetches pages over connections that it keeps. ``fetch`` is a blocking call; call it from as many tasks as there are pages."""

    def __init__(self, options: Options | None = None, connections: int = 100) -> None:
        """`connections`: how many idle ones are kept."""
        self.options = options or Options()
        self.transport = Transport(connections)
        self.hosts = Hosts(self.options)
        self.authorities = self.options.authorities()
        self.idle: list[pycurl.Curl] = []
        self.met: dict[str, weft.Event] = {}  # https hosts; set once a connection stands

    def close(self) -> None:
        """Close every connection."""
        for curl in self.idle:
            curl.close()
        self.transport.close()

    def __enter__(self) -> "Fetcher":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fetch(self, url: str) -> Page:
        """Fetch one page, and try again as the options say. Raises FetchError."""
        result = self.attempt(url)
        if isinstance(result, FetchError):
            raise result
        return result

    def fetch_all(self, urls: Iterable[str], concurrency: int) -> Iterator[Page | FetchError]:
        """Fetch many, at most `concurrency` at once, each in a task; yields them as they come. `urls` is read as room comes free."""
        with weft.map(self.attempt, urls, concurrency=concurrency, ordered=False) as results:
            yield from results

    def attempt(self, url: str) -> Page | FetchError:
        """``fetch`` with the error returned."""
        result = self.try_once(url)
        attempts = 1
        while attempts <= self.options.retries and (pause := pause_before(attempts + 1, result)) is not None:
            weft.sleep(pause)
            result = self.try_once(url)
            attempts += 1
        if isinstance(result, FetchError):
            result.attempts = attempts
            return result
        return result if attempts == 1 else replace(result, attempts=attempts)

    def try_once(self, url: str) -> Page | FetchError:
        """One attempt, within the limits of its host."""
        began = time.monotonic()
        try:
            parts = parse(url)
            with self.hosts.of(parts.netloc):
                return self.meet(url, parts)
        except FetchError as error:
            error.seconds = error.seconds or time.monotonic() - began
            return error

    def meet(self, url: str, parts: SplitResult) -> Page:
        """One transfer; the first to an https host goes ahead of the others, who then may share its connection."""
        if parts.scheme != "https":
            return self.transfer(url)
        met = self.met.get(parts.netloc)
        if met is not None:
            met.wait(PATIENCE)
            return self.transfer(url)
        met = self.met[parts.netloc] = weft.Event()
        try:
            return self.transfer(url, met)
        finally:
            met.set()

    def transfer(self, url: str, met: weft.Event | None = None) -> Page:
        """One transfer now. `met` is set as soon as its connection stands."""
        curl = self.idle.pop() if self.idle else self.options.handle(self.authorities)
        body = Body(self.options.keep, self.options.max_size)
        lines: list[bytes] = []
        curl.setopt(pycurl.URL, url.encode())
        curl.setopt(pycurl.WRITEFUNCTION, body.write)
        curl.setopt(pycurl.HEADERFUNCTION, lines.append)
        if met is not None:
            curl.setopt(pycurl.PREREQFUNCTION, Bell(met).stands)
        try:
            code, words = self.transport.perform(curl)
            asked = curl.getinfo
            total = asked(pycurl.TOTAL_TIME)
            if code:
                reason = f"larger than {self.options.max_size:,} bytes" if body.too_large else describe(code, words, self.options)
                raise FetchError(url, reason, code, total)
            name, connect = asked(pycurl.NAMELOOKUP_TIME), asked(pycurl.CONNECT_TIME)
            timing = Timing(name, connect, asked(pycurl.APPCONNECT_TIME), asked(pycurl.STARTTRANSFER_TIME), total)
            status = asked(pycurl.RESPONSE_CODE)
            return Page(url, asked(pycurl.EFFECTIVE_URL), status, body.size, body.joined(), Headers(lines), timing)
        finally:
            if met is not None:
                curl.unsetopt(pycurl.PREREQFUNCTION)
            self.idle.append(curl)


def parse(url: str) -> SplitResult:
    """The parts of `url`. Raises FetchError for what is not even tried."""
    try:
        parts = urlsplit(url)
        if not parts.scheme or "://" not in url:
            raise FetchError(url, "not a URL: it has no scheme; try https://" + url)
        if parts.scheme not in SCHEMES:
            raise FetchError(url, "only http and https are fetched")
        if not parts.hostname:
            raise FetchError(url, "not a URL: it names no host")
        if any(character.isspace() for character in url):
            raise FetchError(url, "not a URL: it contains a space; write %20")
        _ = parts.port
    except ValueError as error:
        raise FetchError(url, f"not a URL: {error}") from None
    return parts


def describe(code: int, words: str, options: Options) -> str:
    """libcurl's error in words that say what to do."""
    if code == pycurl.E_OPERATION_TIMEDOUT:
        if "too slow" in words:
            return f"not a byte within {options.idle_timeout:g} s"
        if "onnect" in words and options.connect_timeout < options.timeout:
            return f"not connected within {options.connect_timeout:g} s"
        return f"timed out after {options.timeout:g} s"
    if code in (pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_CACERT):
        return f"certificate not trusted: {words} (--cacert FILE names an authority)"
    if code == pycurl.E_TOO_MANY_REDIRECTS:
        return f"more than {REDIRECTS} redirects"
    return words or f"libcurl error {code}"


def get(url: str, **options: Any) -> Page:
    """Fetch one page over http or https, redirects followed, certificates checked.

    `options`: those of ``weft.fetch.Options`` (timeout, headers, method, data, retries, proxy, max_size, ...). Raises FetchError if there
    is no page; a status of 400 and more is one (``page.ok``). ValueError or TypeError for an option that makes no sense.
    """
    with Fetcher(Options(**options), 1) as fetcher:
        return fetcher.fetch(url)


def fetch_all(urls: Iterable[str], *, concurrency: int = 100, **options: Any) -> Iterator[Page | FetchError]:
    """Fetch many pages, at most `concurrency` at once; yields each as it comes: a Page, or the FetchError of one that failed.

    `urls` may be endless: it is read as there is room. `options` are those of ``get``. Raises ValueError if `concurrency` is below 1.
    """
    if concurrency < 1:
        raise ValueError(f"concurrency is {concurrency}; it takes 1 or more")
    wished = Options(**options)

    def pages() -> Iterator[Page | FetchError]:
        with Fetcher(wished, concurrency) as fetcher:
            yield from fetcher.fetch_all(urls, concurrency)

    return pages()
