"""How a fetch is shown: a line a page, totals, and two times side by side."""

from dataclasses import dataclass

import click

from weft.fetch import FetchError, Page

__all__ = ["Tally", "bars"]

BAR = 40  # characters


@dataclass
class Tally:
    """Counts what comes, and prints it."""

    quiet: bool = False
    pages: int = 0
    failed: int = 0
    size: int = 0
    slowest: float = 0.0

    def add(self, result: Page | FetchError) -> None:
        """One more page, or one that failed."""
        self.slowest = max(self.slowest, result.seconds)
        if isinstance(result, FetchError):
            self.failed += 1
            if not self.quiet:
                self.line("failed", "", result.seconds, f"{result.url}  {result.reason}", "red")
            return
        self.pages += 1
        self.size += result.size
        if not result.ok:
            self.failed += 1
        if not self.quiet:
            moved = f"  -> {result.final_url}" if result.final_url != result.url else ""
            self.line(str(result.status), f"{result.size:,} B", result.seconds, result.url + moved, "green" if result.ok else "yellow")

    def line(self, status: str, size: str, seconds: float, rest: str, color: str) -> None:
        click.echo(f"{click.style(f'{status:>6}', fg=color)} {size:>14} {seconds:8.3f} s  {rest}")

    def totals(self, seconds: float) -> None:
        """The last line: what came, in how long, and what did not."""
        rate = f"{self.pages / seconds:,.1f} a second" if seconds > 0 else ""
        failed = click.style(f", {self.failed} failed", fg="red") if self.failed else ""
        click.echo(f"{self.pages:,} pages, {self.size:,} bytes in {seconds:.3f} s: {rate}{failed}")


def bars(one_by_one: float, at_once: float, slowest: float) -> None:
    """Both times and the limit, drawn to scale, and the gain."""
    longest = max(one_by_one, at_once, slowest, 1e-9)
    for name, seconds, color in (
        ("one by one", one_by_one, "yellow"),
        ("at once", at_once, "green"),
        ("slowest page", slowest, "blue"),
    ):
        bar = "█" * max(1, round(seconds / longest * BAR))
        click.echo(f"{name:>13} {click.style(f'{bar:<{BAR}}', fg=color)} {seconds:8.3f} s")
    gain = one_by_one / at_once if at_once > 0 else float("inf")
    limit = f", {(at_once / slowest - 1) * 100:+.1f} % over the limit, the slowest page" if at_once < 2 * slowest else ""
    click.echo(f"{'':>13} at once is {gain:.1f} times as fast{limit}")
