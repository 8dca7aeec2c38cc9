"""``python -m bench [--rounds N] [--json FILE] [WORK ...]``: the table."""

import importlib.util
import json
import math
import shutil
import statistics
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from bench import echo, fetch, fetch_cpu, fetch_scale, fetch_workers, hopping, memory, spawning, switching, toolkit
from bench.work import Work

WORKS: dict[str, Work] = {
    "switching": switching.WORK,
    "spawning": spawning.WORK,
    "hopping": hopping.WORK,
    "memory": memory.WORK,
    "echo": echo.WORK,
    "toolkit": toolkit.WORK,
    "fetch": fetch.WORK,
    "fetch_cpu": fetch_cpu.WORK,
    "fetch_scale": fetch_scale.WORK,
    "fetch_workers": fetch_workers.WORK,
}
BUILT_IN = {"asyncio", "C", "limit"}
PROGRAMS = {"go", "curl", "wget2"}
Rows = dict[tuple[str, int], dict[str, list[float]]]


def present(peer: str) -> bool:
    if peer in PROGRAMS:
        return shutil.which(peer) is not None
    return peer in BUILT_IN or importlib.util.find_spec(peer) is not None


def figure(work: str, peer: str, variant: int) -> float:
    done = subprocess.run(
        [sys.executable, "-m", f"bench.{work}", peer, str(variant)], cwd=Path(__file__).parent.parent, capture_output=True, text=True
    )
    if done.returncode:
        raise click.ClickException(f"{work} with {peer} failed:\n{done.stderr}")
    return float(done.stdout)


def table(rows: Rows) -> Table:
    made = Table("work", "peer", "median", "least", "most", "weft is better by", "goal", title="medians of interleaved rounds")
    for column in made.columns[2:]:
        column.justify = "right"
    for (name, variant), peers in rows.items():
        work = WORKS[name]
        medians = {peer: statistics.median(figures) for peer, figures in peers.items()}
        title = work.titles[variant] if work.titles else f"{work.title}, {variant} connections" if variant else work.title
        for peer, figures in peers.items():
            ratio = work.ratio(medians["weft"], medians[peer]) if "weft" in medians and peer != "weft" else None
            goal = work.variant_goals.get(variant, work.goals).get(peer)
            reached = "" if ratio is None or goal is None else "  yes" if ratio >= goal else "  no"
            made.add_row(
                title,
                peer,
                f"{medians[peer]:,.{2 if medians[peer] < 100 else 0}f} {work.unit}",
                *(f"{edge:,.{2 if edge < 100 else 0}f}" for edge in (min(figures), max(figures))),
                "" if ratio is None else f"{ratio:.2f} x",
                "" if goal is None else f"{goal:.2f} x{reached}",
            )
            title = ""
        made.add_section()
    return made


@click.command()
@click.option("--rounds", default=5, show_default=True, help="How often each figure is taken; the table shows medians.")
@click.option("--json", "path", type=click.Path(dir_okay=False), help="Also write every figure to this file.")
@click.argument("names", nargs=-1, type=click.Choice(list(WORKS)))
def main(rounds: int, path: str | None, names: tuple[str, ...]) -> None:
    """Measure weft and its peers, interleaved, and print medians and ratios.

    Peers that are not installed are left out. Example: python -m bench --rounds 3 switching echo
    """
    rows: Rows = {}
    console = Console(stderr=True)
    chosen = names or tuple(WORKS)
    for number in range(rounds):
        for name in chosen:
            for variant in WORKS[name].variants * WORKS[name].samples:
                for peer in WORKS[name].peers:
                    if present(peer):
                        console.print(f"round {number + 1} of {rounds}: {name} {variant or ''} {peer}", end="\r", soft_wrap=True)
                        measured = figure(name, peer, variant)
                        if not math.isnan(measured):
                            rows.setdefault((name, variant), {}).setdefault(peer, []).append(measured)
                        console.print(" " * 60, end="\r")
    versions = {found.name: found.version for found in distributions() if found.name in ("weft", "gevent", "uvloop", "greenlet")}
    output = Console(width=None if sys.stdout.isatty() else 140)
    output.print(table(rows))
    output.print(f"Python {sys.version.split()[0]}, " + ", ".join(f"{name} {number}" for name, number in versions.items()))
    if path:
        figures = [{"work": name, "variant": variant, "figures": peers} for (name, variant), peers in rows.items()]
        Path(path).write_text(json.dumps({"python": sys.version, "versions": versions, "works": figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()
