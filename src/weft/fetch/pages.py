"""One page, and many at once."""

import ssl
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import pycurl

import weft
from weft.fetch.callbacks import Bell, Counter
from weft.fetch.errors import FetchError
from weft.fetch.page import Page
from weft.fetch.transport import Transport

__all__ = ["Fetcher", "fetch_all", "get"]

REDIRECTS = 20
PATIENCE = 1.0  # seconds that pages of an https host wait for its first connection: if it speaks HTTP/2, they share it, as with curl -Z
SCHEMES = ("http", "https")


@dataclass(frozen=True, slots=True)
class Options:
    """What holds for every page of a fetcher."""

    timeout: float = 60.0
    """Seconds for a whole page."""
    cacert: str | None = None
    """PEM file of the authorities to trust instead of the system's."""
    insecure: bool = False
    """Do not check certificates."""
    keep: bool = True
    """Keep bodies; without it only their sizes are counted."""


class Fetcher:
    """Fetches pages over connections that it keeps. ``fetch`` is a blocking call; call it from as many tasks as there are pages."""

    def __init__(self, options: Options, connections: int) -> None:
        self.options = options
        self.transport = Transport(connections)
        self.idle: list[pycurl.Curl] = []
        self.met: dict[str, weft.Event] = {}  # https hosts; set once a connection stands
        self.authorities = options.cacert or default_authorities()
        folder = self.authorities is not None and Path(self.authorities).is_dir()
        self.trust = pycurl.CAPATH if folder else pycurl.CAINFO

    def close(self) -> None:
        """Close every connection."""
        for curl in self.idle:
            curl.close()
        self.transport.close()

    def __enter__(self) -> "Fetcher":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def prepare(self) -> pycurl.Curl:
        """A handle with everything set that is the same for all pages."""
        curl = pycurl.Curl()
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.REDIR_PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.FOLLOWLOCATION, 1)
        curl.setopt(pycurl.MAXREDIRS, REDIRECTS)
        curl.setopt(pycurl.ACCEPT_ENCODING, "")
        curl.setopt(pycurl.USERAGENT, "weft")
        curl.setopt(pycurl.TIMEOUT_MS, max(1, int(self.options.timeout * 1000)))
        if self.options.insecure:
            curl.setopt(pycurl.SSL_VERIFYPEER, 0)
            curl.setopt(pycurl.SSL_VERIFYHOST, 0)
        elif self.authorities:
            curl.setopt(self.trust, self.authorities)
        return curl

    def fetch(self, url: str) -> Page:
        """Fetch one page. Raises FetchError."""
        parts = parse(url)
        if parts.scheme != "https":
            return self.transfer(url)
        host = parts.netloc
        met = self.met.get(host)
        if met is not None:
            met.wait(PATIENCE)
            return self.transfer(url)
        met = self.met[host] = weft.Event()
        try:
            return self.transfer(url, met)
        finally:
            met.set()

    def transfer(self, url: str, met: weft.Event | None = None) -> Page:
        """Fetch one page now. `met` is set as soon as its connection stands."""
        curl = self.idle.pop() if self.idle else self.prepare()
        chunks: list[bytes] = []
        counter = Counter()
        curl.setopt(pycurl.URL, url.encode())
        curl.setopt(pycurl.WRITEFUNCTION, chunks.append if self.options.keep else counter.write)
        if met is not None:
            curl.setopt(pycurl.PREREQFUNCTION, Bell(met).stands)
        try:
            code, words = self.transport.perform(curl)
            seconds = curl.getinfo(pycurl.TOTAL_TIME)
            if code:
                raise FetchError(url, describe(code, words, self.options), code, seconds)
            body = b"".join(chunks)
            return Page(
                url, curl.getinfo(pycurl.EFFECTIVE_URL), curl.getinfo(pycurl.RESPONSE_CODE), len(body) or counter.size, seconds, body
            )
        finally:
            if met is not None:
                curl.unsetopt(pycurl.PREREQFUNCTION)
            self.idle.append(curl)

    def fetch_all(self, urls: Iterable[str], concurrency: int) -> Iterator[Page | FetchError]:
        """Fetch many, at most `concurrency` at once, each in a task; yields them as they come. `urls` is read as room comes free."""
        results: weft.SimpleQueue[Page | FetchError | BaseException] = weft.SimpleQueue()
        room = weft.Semaphore(concurrency)
        tasks: set[weft.Task[None]] = set()
        handed_out = 0
        total: int | None = None

        def one(url: str) -> None:
            try:
                results.put(self.attempt(url))
            except weft.Cancelled:
                raise
            except BaseException as error:  # a defect: to whoever asked
                results.put(error)
            finally:
                tasks.discard(weft.current_task())
                room.release()

        def feed() -> None:
            nonlocal total
            count = 0
            try:
                for url in urls:
                    room.acquire()
                    count += 1
                    tasks.add(weft.spawn(one, url))
            except weft.Cancelled:
                raise
            except BaseException as error:
                count += 1
                results.put(error)
            total = count
            results.put(StopIteration())

        feeder = weft.spawn(feed)
        try:
            while total is None or handed_out < total:
                result = results.get()
                if isinstance(result, StopIteration):
                    continue
                if isinstance(result, BaseException) and not isinstance(result, FetchError):
                    raise result
                handed_out += 1
                yield result
        finally:
            unfinished = [feeder, *tasks]
            for task in unfinished:
                task.cancel()
            weft.joinall(unfinished)

    def attempt(self, url: str) -> Page | FetchError:
        """``fetch`` with the error returned."""
        began = time.monotonic()
        try:
            return self.fetch(url)
        except FetchError as error:
            error.seconds = error.seconds or time.monotonic() - began
            return error


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
        return f"timed out after {options.timeout:g} s"
    if code in (pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_CACERT):
        return f"certificate not trusted: {words} (--cacert FILE names an authority)"
    if code == pycurl.E_TOO_MANY_REDIRECTS:
        return f"more than {REDIRECTS} redirects"
    return words or f"libcurl error {code}"


def default_authorities() -> str | None:
    """The system's certificates as Python's ssl finds them, ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` included; None: libcurl's own."""
    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.capath


def get(url: str, *, timeout: float = 60.0, cacert: str | None = None, insecure: bool = False) -> Page:
    """Fetch one page over http or https, redirects followed, certificates checked.

    `timeout`: seconds for all of it. `cacert`: a PEM file of the authorities to trust instead of the system's; `insecure`: check nothing.
    Raises FetchError if there is no page; a status of 400 and more is one (``page.ok``).
    """
    with Fetcher(Options(timeout, cacert, insecure), 1) as fetcher:
        return fetcher.fetch(url)


def fetch_all(
    urls: Iterable[str], *, concurrency: int = 100, timeout: float = 60.0, cacert: str | None = None, insecure: bool = False
) -> Iterator[Page | FetchError]:
    """Fetch many pages, at most `concurrency` at once; yields each as it comes: a Page, or the FetchError of one that failed.

    `urls` may be endless: it is read as there is room. The other arguments are those of ``get``. Raises ValueError if `concurrency` is
    below 1.
    """
    if concurrency < 1:
        raise ValueError(f"concurrency is {concurrency}; it takes 1 or more")
    return yield_all(urls, concurrency, Options(timeout, cacert, insecure))


def yield_all(urls: Iterable[str], concurrency: int, options: Options) -> Iterator[Page | FetchError]:
    with Fetcher(options, concurrency) as fetcher:
        yield from fetcher.fetch_all(urls, concurrency)
