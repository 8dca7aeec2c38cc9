"""What came of a run, counted as it comes; of a size that does not grow with the run."""

import time
from collections import Counter
from dataclasses import dataclass, field

from weft.fetch.errors import FetchError
from weft.fetch.page import Page
from weft.fetch.pages import authority_of

__all__ = ["PHASES", "Host", "Latency", "Shown", "Tally", "edge_of"]

HOSTS = 2000  # that are counted apart; further ones are "others"
SHOWN = 1000  # requests that are kept with their times, for the waterfall
SLOTS = 600  # of time, for what was on its way when
PHASES = ("name", "connect", "tls", "first byte", "body", "total")
TICKS, FINE = 1_000_000, 5  # of a second; bits that tell classes apart


def class_of(seconds: float) -> int:
    """The class of a time: each is a sixteenth of a power of two wide, from 16 microseconds on."""
    ticks = int(seconds * TICKS) or 1
    bits = ticks.bit_length()
    return ticks if bits <= FINE else ((bits - FINE) << (FINE - 1)) + (ticks >> (bits - FINE))


def edge_of(number: int) -> float:
    """The seconds at which a class begins."""
    shift, rest = divmod(number, 1 << (FINE - 1))
    if shift < 2:
        return number / TICKS
    return (((1 << (FINE - 1)) + rest) << (shift - 1)) / TICKS


class Latency:
    """A histogram of seconds, in classes of 3 to 6 %."""

    __slots__ = ("classes", "count", "most")

    def __init__(self) -> None:
        self.classes: dict[int, int] = {}
        self.count = 0
        self.most = 0.0

    def add(self, seconds: float) -> None:
        number = class_of(seconds)
        self.classes[number] = self.classes.get(number, 0) + 1
        self.count += 1
        if seconds > self.most:
            self.most = seconds

    def percentile(self, percent: float) -> float:
        """Seconds below which so many percent lie, as exactly as the classes are; 0 of nothing."""
        left = self.count * percent / 100
        for number in sorted(self.classes):
            left -= self.classes[number]
            if left <= 0:
                return min((edge_of(number) + edge_of(number + 1)) / 2, self.most)
        return self.most


@dataclass
class Host:
    """What one host has done."""

    pages: int = 0
    failed: int = 0
    size: int = 0
    seconds: float = 0.0

    @property
    def mean(self) -> float:
        """Seconds a page."""
        return self.seconds / max(self.pages + self.failed, 1)


@dataclass
class Shown:
    """One request of the waterfall: seconds since the run began, and what came."""

    url: str
    status: str
    began: float
    times: tuple[float, ...]
    size: int


@dataclass
class Tally:
    """Counts results. ``failed`` counts the pages of status 400 and more, too."""

    pages: int = 0
    failed: int = 0
    size: int = 0
    slowest: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    latencies: dict[str, Latency] = field(default_factory=lambda: {phase: Latency() for phase in PHASES})
    hosts: dict[str, Host] = field(default_factory=dict)
    shown: list[Shown] = field(default_factory=list)
    began: float = field(default_factory=time.time)
    slot: float = 0.005
    parts: list[float] = field(default_factory=lambda: [0.0] * SLOTS)
    changes: list[int] = field(default_factory=lambda: [0] * SLOTS)

    @property
    def results(self) -> int:
        """Pages, and those that failed."""
        return self.pages + sum(self.errors.values())

    def add(self, result: Page | FetchError) -> None:
        """One more page, or one that failed."""
        self.slowest = max(self.slowest, result.seconds)
        host = self.host(result.url)
        host.seconds += result.seconds
        if isinstance(result, FetchError):
            self.failed += 1
            host.failed += 1
            self.errors[result.kind] += 1
            self.examples.setdefault(result.kind, f"{result.url}: {result.reason}")
            began = time.time() - result.seconds
            self.span(began, result.seconds)
            self.show(result.url, result.kind, began, (result.seconds,), 0)
            return
        self.pages += 1
        self.failed += not result.ok
        host.pages += 1
        host.failed += not result.ok
        host.size += result.size
        self.size += result.size
        self.statuses[result.status] += 1
        name, connect, tls, first_byte, total = timing = result.timing
        if not result.ok:
            self.examples.setdefault(str(result.status), result.url)
        latencies = self.latencies
        if connect:  # a connection of its own
            latencies["name"].add(name)
            latencies["connect"].add(connect - name)
            if tls:
                latencies["tls"].add(tls - connect)
        latencies["first byte"].add(first_byte - (tls or connect))
        latencies["body"].add(total - first_byte)
        latencies["total"].add(total)
        self.span(result.began, total)
        if len(self.shown) < SHOWN:  # spares the words
            self.show(result.url, str(result.status), result.began, timing, result.size)

    def host(self, url: str) -> Host:
        name = authority_of(url).rpartition("@")[2]
        found = self.hosts.get(name)
        if found is None:
            found = self.hosts.setdefault(name if len(self.hosts) < HOSTS else "others", Host())
        return found

    def span(self, began: float, seconds: float) -> None:
        """Something was on its way from then on, for so long."""
        start = max(began - self.began, 0.0) / self.slot
        end = start + seconds / self.slot
        while end >= SLOTS:  # slots twice as wide
            levels = self.at_once()
            levels += [0.0] * (SLOTS - len(levels))
            self.parts = [(levels[index] + levels[index + 1]) / 2 for index in range(0, SLOTS, 2)] + [0.0] * (SLOTS // 2)
            self.changes = [0] * SLOTS
            self.slot, start, end = self.slot * 2, start / 2, end / 2
        first, last = int(start), int(end)
        if first == last:
            self.parts[first] += end - start
            return
        self.parts[first] += first + 1 - start
        self.parts[last] += end - last
        self.changes[first + 1] += 1
        self.changes[last] -= 1

    def show(self, url: str, status: str, began: float, times: tuple[float, ...], size: int) -> None:
        if len(self.shown) < SHOWN:
            self.shown.append(Shown(url, status, max(began - self.began, 0.0), times, size))

    def at_once(self) -> list[float]:
        """How many were on their way in each slot of time, on average."""
        made, active = [], 0
        for part, change in zip(self.parts, self.changes, strict=True):
            active += change
            made.append(active + part)
        while made and made[-1] < 1e-9:
            made.pop()
        return made
