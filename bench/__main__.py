"""``python -m bench``: measure weft beside its peers, and write what came of it."""

import json
import os
import platform
import subprocess
import sys
from datetime import date
from importlib.metadata import distributions
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from bench import peers, report
from bench.work import SMOKE
from bench.works import WORKS

ROOT = Path(__file__).parent.parent
SHOWN = ("greenlet", "gevent", "eventlet", "uvloop", "trio", "pycurl", "aiohttp", "httpx", "requests", "urllib3")
MOST = 300  # seconds of one run
ENOUGH = 5  # rounds that a document is made of, at least
Runs = list[tuple[str, int, str]]


class Failed(Exception):
    """A run that gave no figures; what it said."""


def measured(name: str, row: int, peer: str) -> list[float]:
    """One run in a process of its own. Raises Failed."""
    command = [sys.executable, "-m", WORKS[name].peers[peer].__module__, peer, str(row)]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=MOST)
    except subprocess.TimeoutExpired:
        raise Failed(f"{name}, row {row}, with {peer}: no end after {MOST} s") from None
    if done.returncode:
        raise Failed(f"{name}, row {row}, with {peer}: status {done.returncode}\n{done.stderr}")
    return [float(figure) for figure in json.loads(done.stdout.splitlines()[-1])]


def a_round(names: tuple[str, ...], quick: bool, missing: set[str]) -> Runs:
    """What a round runs, the peers of a row one after the other."""
    runs: Runs = []
    for name in names:
        work = WORKS[name]
        for number, row in enumerate(work.rows):
            if quick and number not in work.quick:
                continue
            for _ in range(1 if quick else work.samples):
                for peer in work.few if quick and work.few else work.peers:
                    if peer not in missing and peer not in row.without:
                        runs.append((name, number, peer))
    return runs


def take(runs: Runs, found: report.Figures, failures: list[str]) -> None:
    """Measure `runs`, and put their figures into `found`, and what went wrong into `failures`."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=len(runs))
        for name, row, peer in runs:
            progress.update(task, description=f"{WORKS[name].title}: {WORKS[name].rows[row].title}: {peer}")
            try:
                figures = measured(name, row, peer)
                if not any(figure != figure for figure in figures):
                    found.setdefault((name, row), {}).setdefault(peer, []).append(figures)
            except Failed as failed:
                failures.append(str(failed))
                progress.console.print(f"failed: {failed}", markup=False)
            progress.advance(task)


def machine() -> dict[str, object]:
    versions = {found.name.lower(): found.version for found in distributions()}
    programs = {name: version for name, version in peers.versions().items() if version}
    return {
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}, {os.cpu_count()} cores",
        "versions": {name: versions[name] for name in SHOWN if name in versions} | programs,
    }


@click.command()
@click.option("--rounds", type=click.IntRange(min=1), help=f"How often each figure is taken; the table shows medians.  [default: {ENOUGH}]")
@click.option("--quick", is_flag=True, help="The best known rows and peers, once: about a minute.")
@click.option("--json", "path", type=click.Path(dir_okay=False, path_type=Path), help="Also write every figure to this file.")
@click.option("--write", is_flag=True, help="Keep the figures in docs/speed/, and make docs/speed.md and its plots anew.")
@click.option("--render", is_flag=True, help="Measure nothing: make docs/speed.md and its plots anew of the figures that are kept.")
@click.argument("names", nargs=-1, type=click.Choice(list(WORKS)))
def main(rounds: int | None, quick: bool, path: Path | None, write: bool, render: bool, names: tuple[str, ...]) -> None:
    """Measure weft and its peers, interleaved, and print medians and ratios.

    Peers that are not installed are left out, and named at the end; scripts/peers brings Go and Java.

    \b
    Examples:
      python -m bench --quick
      python -m bench --rounds 3 tasks echo
      python -m bench --write
    """
    if render:
        if names or path or write or quick or rounds:
            raise click.UsageError("--render measures nothing: it goes with no other option and no work")
        return report.render(ROOT / "docs", WORKS)
    if quick and rounds:
        raise click.UsageError("--quick takes one round; for more, leave it out")
    rounds = 1 if quick else rounds or ENOUGH
    if write and (rounds < ENOUGH or SMOKE):
        raise click.UsageError(f"--write keeps medians of at least {ENOUGH} rounds of the whole work")
    if unquick := [name for name in names if quick and not WORKS[name].quick]:
        raise click.UsageError(f"no row of {', '.join(unquick)} is quick: leave out --quick")
    if path and not os.access(path if path.exists() else path.absolute().parent, os.W_OK):
        raise click.BadParameter(f"{path} cannot be written", param_hint="--json")
    chosen = names or tuple(name for name in WORKS if not quick or WORKS[name].quick)
    needed = {program for name in chosen for program in WORKS[name].needs if not peers.present(program)}
    chosen = tuple(name for name in chosen if not needed & set(WORKS[name].needs))
    missing = {peer for name in chosen for peer in WORKS[name].peers if not peers.present(peer)}
    runs = a_round(chosen, quick, missing) * rounds
    found: report.Figures = {}
    failures: list[str] = []
    try:
        take(runs, found, failures)
        whole = True
    except KeyboardInterrupt:  # what was measured before is shown
        whole = False
    kept = {"machine": machine(), "rounds": rounds, "works": report.as_json(found, WORKS)}
    output = Console(width=None if sys.stdout.isatty() else 150)
    output.print(report.table(found, WORKS, "one round" if rounds == 1 else "medians of interleaved rounds"))
    output.print(
        ", ".join(f"{name} {version}" for name, version in {"Python": kept["machine"]["python"], **kept["machine"]["versions"]}.items())
    )  # type: ignore[index]
    for peer in sorted(missing | needed):
        output.print(f"left out: {peer} ({peers.hint(peer)})")
    if write and whole:
        report.keep(ROOT / "docs", kept)
        report.render(ROOT / "docs", WORKS)
    if path:
        path.write_text(json.dumps(kept, indent=1) + "\n")
    if not whole:
        raise click.Abort
    if failures:
        raise click.ClickException(f"{len(failures)} of {len(runs)} runs failed; the table is without them. The first: {failures[0]}")


if __name__ == "__main__":
    main()
