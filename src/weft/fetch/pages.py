"""One page, and many at once."""

import errno
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pycurl

import weft
from weft.fetch.adaptive import Adaptive
from weft.fetch.address import plain
from weft.fetch.errors import FetchError, kind_of
from weft.fetch.handle import Handle
from weft.fetch.libcurl import Share
from weft.fetch.manners import Breaker, Hosts, pause_before
from weft.fetch.options import Options
from weft.fetch.page import Page
from weft.fetch.robots import Robots
from weft.fetch.spool import Spool, room
from weft.fetch.transport import Transport

__all__ = ["Fetcher", "fetch_all", "get"]

PATIENCE = 1.0  # seconds that pages of an https host wait for its first connection: if it speaks HTTP/2, they share it, as with curl -Z
REMEMBERED = 10_000  # https hosts
SCHEMES = ("http", "https")


class Fetcher:
    """Fetches pages over connections that it keeps. ``fetch`` is a blocking call; call it from as many tasks as there are pages."""

    def __init__(
        self, options: Options | None = None, connections: int = 100, folder: Path | None = None, *, adaptive: bool = False
    ) -> None:
        """`connections`: how many idle ones are kept; `folder`: where bodies go that are too long to be held (None: all are held);
        `adaptive`: find out how many at once are best, up to `connections`."""
        self.options = options or Options()
        self.transport = Transport(connections)
        self.hosts = Hosts(self.options)
        self.breaker = Breaker(options.breaker if options else 0)
        self.robots = Robots(self, self.options.user_agent) if self.options.robots else None
        self.authorities = self.options.authorities()
        self.folder = folder
        self.room = room(connections)
        self.conditions: Callable[[str], list[str]] | None = None  # further header fields for an address
        self.share = Share(cookies=self.options.cookies)
        self.limit = Adaptive(connections) if adaptive else None
        self.active = 0  # pages on their way
        self.idle: list[Handle] = []
        self.met: dict[str, weft.Event] = {}  # https hosts; set once a connection stands

    def close(self) -> None:
        """Close every connection."""
        self.transport.close()
        self.idle.clear()

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

    def fetch_all(self, urls: Iterable[str], concurrency: int) -> Generator[Page | FetchError, None, None]:
        """Fetch many, at most `concurrency` at once, each in a task; yields them as they come. `urls` is read as room comes free."""
        with weft.map(self.attempt, urls, concurrency=concurrency, ordered=False) as results:
            yield from results

    def attempt(self, url: str) -> Page | FetchError:
        """``fetch`` with the error returned."""
        attempts = 0
        while True:
            result = self.try_once(url) if self.limit is None else self.gated(url, self.limit)
            attempts += 1
            if attempts > self.options.retries or (pause := pause_before(attempts + 1, result)) is None:
                return result.tried(attempts)
            weft.sleep(pause)

    def gated(self, url: str, limit: Adaptive) -> Page | FetchError:
        """One attempt, when there is room."""
        limit.acquire()
        result = None
        try:
            result = self.try_once(url)
            return result
        finally:
            limit.release(result)

    def try_once(self, url: str) -> Page | FetchError:
        """One attempt, within the limits of its host."""
        began = time.monotonic()
        try:
            scheme, authority = plain(url) or parse(url)
            if self.breaker.until:
                self.breaker.check(url, authority)
            if self.hosts.limited:
                host = self.hosts.of(authority)
                if self.robots is not None:
                    host.slow_down(self.robots.check(url))
                with host:
                    page = self.meet(url, scheme, authority)
            else:
                page = self.meet(url, scheme, authority)
            if self.breaker.failures:
                self.breaker.worked(authority)
            return page
        except FetchError as error:
            error.seconds = error.seconds or time.monotonic() - began
            if self.options.breaker and error.code:
                self.breaker.failed(authority, error.kind)
            return error

    def once(self, url: str) -> Page:
        """A page without the manners, for what belongs to them. Raises FetchError."""
        scheme, authority = plain(url) or parse(url)
        return self.transfer(url, scheme, authority, hold=True)

    def meet(self, url: str, scheme: str, authority: str) -> Page:
        """One transfer; the first to an https host goes ahead of the others, who then may share its connection.

        (libcurl's own way, CURLOPT_PIPEWAIT, lets them wait for the whole first page where the server does not speak HTTP/2.)
        """
        if scheme == "http":
            return self.transfer(url, scheme, authority)
        met = self.met.get(authority)
        if met is not None:
            if not met.is_set():
                met.wait(PATIENCE)
            return self.transfer(url, scheme, authority)
        if len(self.met) >= REMEMBERED:
            self.met = {name: event for name, event in self.met.items() if not event.is_set()}
        met = self.met[authority] = weft.Event()
        try:
            return self.transfer(url, scheme, authority, met)
        finally:
            met.set()

    def perform(self, curl: Handle, url: str, scheme: str, authority: str, spool: Spool | None, hold: bool, met: weft.Event | None) -> None:
        """Let libcurl do it."""
        curl.prepare(url, self.options.keep or hold, self.options.max_size, self.room if spool else 0, met)
        sink = spool.put if spool else None
        self.transport.perform(curl, authority, scheme == "http", self.options.first_byte_timeout, sink)

    def transfer(self, url: str, scheme: str, authority: str, met: weft.Event | None = None, hold: bool = False) -> Page:
        """One transfer now. `met` is set as soon as its connection stands; `hold`: the body, whatever the options say."""
        self.active += 1
        try:
            curl = self.idle.pop()
        except IndexError:
            curl = self.options.handle(self.authorities, self.share)
        spool = Spool(self.folder) if self.folder is not None and not hold else None
        try:
            if self.conditions is not None:
                curl.setopt(pycurl.HTTPHEADER, [*self.options.headers, *self.conditions(url)])
            self.perform(curl, url, scheme, authority, spool, hold, met)
            if curl.code and curl.stale and self.options.repeatable:  # libcurl tries again, too, but not for ever
                curl.setopt(pycurl.FRESH_CONNECT, 1)
                try:
                    self.perform(curl, url, scheme, authority, spool, hold, met)
                finally:
                    curl.setopt(pycurl.FRESH_CONNECT, 0)
            times = curl.times
            if curl.code:
                raise failure(url, curl, self.options, times[-1])
            if not curl.headed:  # libcurl takes what came for all of it
                raise FetchError(url, "the connection was closed within the headers", pycurl.E_RECV_ERROR, times[-1])
            body = curl.take()
            path = None
            if spool is not None and spool.path is not None:
                spool.put(body)
                spool.close()
                body, path, spool = b"", spool.path, None
            began = time.time() - times[-1]
            moved = curl.moved or url
            return Page(url, moved, curl.status, curl.size, body, curl.header(), times, curl.http, curl.address, began, path)
        except TimeoutError:
            raise FetchError(url, f"no answer within {self.options.first_byte_timeout:g} s", pycurl.E_OPERATION_TIMEDOUT) from None
        except OSError as error:
            if isinstance(error, FetchError):
                raise
            raise FetchError(url, f"{self.folder}: {error.strerror or error}", kind="disk") from error
        finally:
            if spool is not None:
                spool.discard()
            self.active -= 1
            self.idle.append(curl)


def parse(url: str) -> tuple[str, str]:
    """Scheme and authority of `url`. Raises FetchError for what is not even tried."""
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
        if not url.isprintable():
            raise FetchError(url, "not a URL: it contains a character that cannot be printed")
        _ = parts.port
    except ValueError as error:
        raise FetchError(url, f"not a URL: {error}") from None
    return parts.scheme, parts.netloc


def authority_of(url: str) -> str:
    """Host and port of `url`; empty if it has none."""
    try:
        return (plain(url) or parse(url))[1]
    except FetchError:
        return ""


WORDS = {  # what libcurl says of an answer that is none, under a number that says something else
    "HTTP/0.9": "protocol",
    "Unsupported HTTP": "protocol",
    "hexadecimal": "protocol",
    "chunk": "protocol",
    "nghttp2": "protocol",
    "Too large response headers": "headers",
    "CONNECT tunnel failed": "proxy",
    "proxy": "proxy",
}


def failure(url: str, curl: Handle, options: Options, seconds: float) -> FetchError:
    """What went wrong, in words that say what to do."""
    code, words = curl.code, curl.reason
    kind = next((kind for piece, kind in WORDS.items() if piece in words and kind_of(code) != "headers"), "")
    if code == pycurl.E_OPERATION_TIMEDOUT:
        if "too slow" in words:
            words = f"not a byte within {options.idle_timeout:g} s"
        elif "onnect" in words and options.connect_timeout < options.timeout:
            words = f"not connected within {options.connect_timeout:g} s"
        else:
            words = f"timed out after {options.timeout:g} s"
    elif code in (pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_CACERT):
        words = f"certificate not trusted: {words} (--cacert FILE names an authority)"
    elif code == pycurl.E_TOO_MANY_REDIRECTS:
        words = f"more than {options.redirects} redirects"
    elif curl.forbidden:
        words, kind = "not a public address (--public-only)", "forbidden"
    elif curl.refused in (errno.EMFILE, errno.ENFILE):
        words = "no descriptor is left for a connection: raise the limit (ulimit -n), or fetch fewer pages at once (-c)"
    elif curl.too_large:
        words, kind = f"larger than {options.max_size:,} bytes (--max-size)", "size"
    elif curl.headers_too_large:
        words, kind = "the headers never end", "headers"
    return FetchError(url, words or f"libcurl error {code}", code, seconds, kind)


def get(url: str, **options: Any) -> Page:
    """Fetch one page over http or https, redirects followed, certificates checked.

    `options`: those of ``weft.fetch.Options`` (timeout, headers, method, data, retries, proxy, max_size, ...). Raises FetchError if there
    is no page; a status of 400 and more is one (``page.ok``). ValueError or TypeError for an option that makes no sense.
    """
    with Fetcher(Options(**options), 1) as fetcher:
        return fetcher.fetch(url)


def at_least_one(concurrency: int) -> int:
    """`concurrency`. Raises ValueError if it is none."""
    if concurrency < 1:
        raise ValueError(f"concurrency is {concurrency}; it takes 1 or more")
    return concurrency


def fetch_all(urls: Iterable[str], *, concurrency: int = 100, **options: Any) -> Iterator[Page | FetchError]:
    """Fetch many pages, at most `concurrency` at once; yields each as it comes: a Page, or the FetchError of one that failed.

    `urls` may be endless: it is read as there is room. `options` are those of ``get``. Raises ValueError if `concurrency` is below 1.
    """
    at_least_one(concurrency)
    wished = Options(**options)

    def pages() -> Iterator[Page | FetchError]:
        with Fetcher(wished, concurrency) as fetcher:
            yield from fetcher.fetch_all(urls, concurrency)

    return pages()
