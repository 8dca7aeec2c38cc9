"""Manners: how many pages of a host at a time, how many a second, and when to try again.

Sources: RFC 9110, section 10.2.3 (Retry-After); "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015) for the pauses: full jitter.
"""

import random
import time
from email.utils import parsedate_to_datetime

import pycurl

import weft
from weft.fetch.errors import FetchError
from weft.fetch.options import Options
from weft.fetch.page import Page

__all__ = ["Breaker", "Hosts", "pause_before"]

FIRST, LONGEST = 0.5, 60.0  # seconds of the pauses between attempts: their first bound and the greatest
OBEYED = 300.0  # seconds that a Retry-After is obeyed at most
REST = 30.0  # seconds that a host which is down is left alone
REMEMBERED = 10_000  # hosts
DOWN = {"name", "connect", "timeout", "tls", "reset"}
STATUSES = {429, 500, 502, 503, 504}
CODES = {
    pycurl.E_COULDNT_RESOLVE_HOST,
    pycurl.E_COULDNT_RESOLVE_PROXY,
    pycurl.E_COULDNT_CONNECT,
    pycurl.E_OPERATION_TIMEDOUT,
    pycurl.E_GOT_NOTHING,
    pycurl.E_PARTIAL_FILE,
    pycurl.E_SEND_ERROR,
    pycurl.E_RECV_ERROR,
    pycurl.E_SSL_CONNECT_ERROR,
    getattr(pycurl, "E_HTTP2", 16),
    getattr(pycurl, "E_HTTP2_STREAM", 92),
}


class Host:
    """The limits of one host."""

    def __init__(self, options: Options) -> None:
        self.room = weft.Semaphore(options.per_host) if options.per_host else None
        self.turn = weft.Lock() if options.rate else None
        self.pause = 1 / options.rate if options.rate else 0.0
        self.next = 0.0
        self.active = 0

    def slow_down(self, seconds: float) -> None:
        """Let so many seconds pass between two pages, at least."""
        if seconds > self.pause:
            self.pause = seconds
            self.turn = self.turn or weft.Lock()

    def __enter__(self) -> None:
        self.active += 1
        try:
            if self.room is not None:
                self.room.acquire()
        except BaseException:
            self.active -= 1
            raise
        if self.turn is not None:
            try:
                with self.turn:  # first come, first served
                    weft.sleep(max(self.next - time.monotonic(), 0))
                    self.next = time.monotonic() + self.pause
            except BaseException:
                self.__exit__()
                raise

    def __exit__(self, *_: object) -> None:
        self.active -= 1
        if self.room is not None:
            self.room.release()


class Breaker:
    """A circuit breaker: a host that has failed so often in a row is down for a while, and then asked by one page alone.

    Source: Nygard, "Release It!" (2007).
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.failures: dict[str, int] = {}
        self.until: dict[str, float] = {}

    def check(self, url: str, authority: str) -> None:
        """Raise FetchError if the host is down."""
        until = self.until.get(authority)
        if until is None:
            return
        now = time.monotonic()
        if now < until:
            raise FetchError(url, f"{authority} is down: it failed {self.failures[authority]} times in a row", kind="down")
        self.until[authority] = now + REST  # this one tries; the others wait for what it finds

    def failed(self, authority: str, kind: str) -> None:
        """A page of the host failed."""
        if kind not in DOWN:
            self.worked(authority)
            return
        if len(self.failures) >= REMEMBERED:
            forgotten = next(iter(self.failures))
            self.failures.pop(forgotten)
            self.until.pop(forgotten, None)
        count = self.failures[authority] = self.failures.get(authority, 0) + 1
        if count >= self.most:
            self.until[authority] = time.monotonic() + REST

    def worked(self, authority: str) -> None:
        """The host answers."""
        self.failures.pop(authority, None)
        self.until.pop(authority, None)


class Hosts:
    """The limits of every host that was met."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.limited = bool(options.per_host or options.rate or options.robots)
        self.known: dict[str, Host] = {}

    def of(self, netloc: str) -> Host:
        """The limits of the host of an address; without any, one stands for all."""
        key = netloc if self.limited else ""
        host = self.known.get(key)
        if host is None:
            if len(self.known) >= REMEMBERED:
                self.known = {name: host for name, host in self.known.items() if host.active}
            host = self.known[key] = Host(self.options)
        return host


def pause_before(attempt: int, result: Page | FetchError) -> float | None:
    """Seconds to wait before attempt number `attempt` (2 or more); None if another one would not help."""
    if isinstance(result, FetchError):
        if result.code not in CODES:
            return None
    elif result.status not in STATUSES:
        return None
    else:
        asked = retry_after(result.headers.get("retry-after"))
        if asked is not None:
            return asked if asked <= OBEYED else None
    return random.uniform(0, min(LONGEST, FIRST * 2 ** (attempt - 2)))


def retry_after(value: str | None) -> float | None:
    """The seconds that a server asked for; None if it did not, or not clearly."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError):
        return None
