"""How many pages at once: as many as the network and the servers bear.

The limit grows while more pages at once bring more pages a second, and shrinks when they bring errors, or fewer (additive increase,
multiplicative decrease: Chiu and Jain, 1989).
"""

import time

import weft
from weft.fetch.errors import FetchError
from weft.fetch.page import Page

__all__ = ["Adaptive"]

FIRST, LEAST = 8, 2
WINDOW = 16  # pages that are looked at together, at least
OVERLOAD = {"timeout", "connect", "reset", "name"}
BUSY = {429, 503}


class Adaptive:
    """A limit that finds its own height, up to `most`. ``acquire`` before a page, ``release`` with what came of it."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = float(min(FIRST, most))
        self.active = 0
        self.best = 0.0
        self.ended = 0
        self.troubles = 0
        self.began = time.monotonic()
        self.room = weft.Condition()

    def acquire(self) -> None:
        """Wait for room."""
        with self.room:
            self.room.wait_for(lambda: self.active < int(self.limit))
            self.active += 1

    def release(self, result: Page | FetchError | None) -> None:
        """Give it back; every so many pages the limit is set anew."""
        with self.room:
            self.active -= 1
            self.ended += 1
            if isinstance(result, FetchError):
                self.troubles += result.kind in OVERLOAD
            elif result is not None:
                self.troubles += result.status in BUSY
            if self.ended >= max(WINDOW, self.limit):
                self.adjust()
            if self.active + 1 < int(self.limit):
                self.room.notify_all()
            else:
                self.room.notify()

    def adjust(self) -> None:
        """Look at the last pages."""
        now = time.monotonic()
        rate = self.ended / max(now - self.began, 1e-6)
        if self.troubles > 0.05 * self.ended:
            self.limit = max(LEAST, self.limit / 2)
            self.best = rate
        elif rate > 1.05 * self.best:
            self.limit = min(self.most, self.limit * 1.5)
            self.best = rate
        elif rate < 0.8 * self.best:
            self.limit = max(LEAST, self.limit * 0.8)
            self.best = rate
        else:
            self.limit = min(self.most, self.limit + 1)
            self.best *= 0.99
        self.ended = self.troubles = 0
        self.began = now
