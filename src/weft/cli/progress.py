"""What a fetch shows while it runs: a live display on a terminal, a plain line now and then elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

import weft
from weft.fetch.tally import Tally

__all__ = ["Progress"]

FRAMES = 5  # a second
PLAIN = 10.0  # seconds between two plain lines
RECENT = 5.0  # seconds that the rate is taken over
SLOW = 3  # hosts shown


class Progress:
    """Shows a tally as it grows. ``line(text)`` prints above the display."""

    def __init__(self, tally: Tally, console: Console, active: Callable[[], int], total: int | None = None) -> None:
        self.tally = tally
        self.console = console
        self.active = active
        self.total = total
        self.began = time.monotonic()
        self.moments = [(self.began, 0)]

    def rate(self) -> float:
        """Pages a second, of late."""
        now = time.monotonic()
        self.moments.append((now, self.tally.results))
        while len(self.moments) > 2 and self.moments[0][0] < now - RECENT:
            self.moments.pop(0)
        then, before = self.moments[0]
        return (self.tally.results - before) / max(now - then, 1e-6)

    def words(self) -> str:
        """The state in a line."""
        rate = self.rate()
        parts = [f"{self.tally.results:,}" + (f" of {self.total:,}" if self.total else "") + " done", f"{rate:,.1f} a second"]
        parts += [f"{self.tally.size / 1e6:,.1f} MB", f"{self.active():,} in flight"]
        if self.tally.failed:
            parts.append(f"{self.tally.failed:,} failed")
        if self.total and rate > 0:
            minutes, seconds = divmod(int(max(self.total - self.tally.results, 0) / rate), 60)
            parts.append(f"{minutes // 60}:{minutes % 60:02}:{seconds:02} left")
        return ", ".join(parts)

    def picture(self) -> Group:
        """The state as the live display."""
        state = Table.grid()
        if self.total:
            state.add_row(ProgressBar(total=self.total, completed=self.tally.results, width=min(60, self.console.width)))
        state.add_row(Text(self.words(), style="bold"))
        facts = Table.grid(padding=(0, 3))
        errors = ", ".join(f"{kind}: {count:,}" for kind, count in self.tally.errors.most_common(5))
        statuses = ", ".join(f"{status}: {count:,}" for status, count in self.tally.statuses.most_common(5))
        slow = sorted(self.tally.hosts.items(), key=lambda item: -item[1].mean)[:SLOW]
        for name, value in (
            ("statuses", statuses),
            ("errors", errors),
            ("slowest hosts", ", ".join(f"{host} {seen.mean:.2f} s" for host, seen in slow)),
        ):
            if value:
                facts.add_row(Text(name, style="dim"), Text(value, style="red" if name == "errors" else ""))
        return Group(state, facts)

    @contextmanager
    def shown(self, enabled: bool) -> Iterator[None]:
        """Show it while the block runs."""
        if not enabled:
            yield
        elif self.console.is_terminal:
            with Live(self.picture(), console=self.console, auto_refresh=False, transient=True) as live:
                yield from self.every(1 / FRAMES, lambda: live.update(self.picture(), refresh=True))
        else:
            yield from self.every(PLAIN, lambda: self.console.print(self.words(), soft_wrap=True, highlight=False))

    def every(self, seconds: float, draw: Callable[[], object]) -> Iterator[None]:
        """Draw now and then while the caller goes on."""

        def work() -> None:
            while True:
                weft.sleep(seconds)
                draw()

        drawer = weft.spawn(work)
        drawer.name = "progress"
        try:
            yield
        finally:
            drawer.cancel()
            drawer.join()
