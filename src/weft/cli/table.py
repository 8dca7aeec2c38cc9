"""How a fetch is shown: a line a page, totals, a summary, and two times side by side."""

import click
from rich.console import Console
from rich.table import Table

from weft.fetch import FetchError, Page
from weft.fetch.record import printable
from weft.fetch.tally import Tally

__all__ = ["bars", "line_of", "summary", "totals"]

BAR = 40  # characters
PERCENTILES = (50, 90, 99)


def line_of(result: Page | FetchError) -> str:
    """A page: its status, bytes, seconds and address."""
    if isinstance(result, FetchError):
        return row("failed", "", result.seconds, f"{result.url}  {result.reason}", "red")
    moved = f"  -> {result.final_url}" if result.final_url != result.url else ""
    return row(str(result.status), f"{result.size:,} B", result.seconds, result.url + moved, "green" if result.ok else "yellow")


def row(status: str, size: str, seconds: float, rest: str, color: str) -> str:
    return f"{click.style(f'{status:>6}', fg=color)} {size:>14} {seconds:8.3f} s  {printable(rest)}"


def totals(tally: Tally, seconds: float, skipped: int = 0) -> str:
    """The last line: what came, in how long, and what did not."""
    rate = f"{tally.pages / seconds:,.1f} a second" if seconds > 0 else ""
    failed = click.style(f", {tally.failed} failed", fg="red") if tally.failed else ""
    before = f", {skipped:,} were done before" if skipped else ""
    return f"{tally.pages:,} pages, {tally.size:,} bytes in {seconds:.3f} s: {rate}{failed}{before}"


def summary(tally: Tally, console: Console) -> None:
    """Statuses, latencies by phase, and errors with an example each."""
    counts = Table("status", "pages", box=None, pad_edge=False)
    counts.columns[1].justify = "right"
    for status, count in sorted(tally.statuses.items()):
        counts.add_row(str(status), f"{count:,}")
    for kind, count in tally.errors.most_common():
        counts.add_row(kind, f"{count:,}", style="red")
    phases = Table("seconds", *(f"{percent} %" for percent in PERCENTILES), "most", box=None, pad_edge=False)
    for column in phases.columns[1:]:
        column.justify = "right"
    for phase, latency in tally.latencies.items():
        if latency.count:
            cells = (*(latency.percentile(percent) for percent in PERCENTILES), latency.most)
            phases.add_row(phase, *(f"{seconds:.4f}" for seconds in cells))
    both = Table.grid(padding=(0, 6))
    both.add_row(counts, phases)
    console.print(both)
    for kind, example in list(tally.examples.items())[:10]:
        console.print(f"{kind}, for example: {printable(example)}", style="red", markup=False, highlight=False, soft_wrap=True)


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
