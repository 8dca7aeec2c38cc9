"""What was measured, for people: a table on the terminal, and docs/speed.md with its plots."""

import json
import math
import statistics
import tomllib
from pathlib import Path
from typing import Any

from rich.table import Table

from bench import plots
from bench.work import Figure, Work

Figures = dict[tuple[str, int], dict[str, list[list[float]]]]  # by work and row: by peer: the figures of each run
Works = dict[str, Work]
REASONS = Path(__file__).with_name("reasons.toml")
HEAD = """# Speed

Made by `scripts/bench --write`: medians of interleaved rounds, weft and its peers in turn, each run in a process of its own. The work is on
one processor and the client, where there is one, on another. The machines are shared and noisy: trust the ratios, and CPU time before
wall time. `scripts/bench --quick` shows the best known rows in a minute; [speed/](speed) holds every figure of every run,
and [speed/profiles.md](speed/profiles.md) where the servers' time goes.

A cell has the median, and in brackets how many times better weft is; weft's own has its least and most. Ratios and goals are compared as
they are printed, to two digits after the point.

**Under review.** In these rows a peer does not run in its best form, always in weft's favour: map
(the peers make one task an item, weft and Go run 100 workers), Java (one cold run), TLS echo
(uvloop without `BufferedProtocol`), HTTP server (gevent's pywsgi without `TCP_NODELAY`) and page
fetch (wget2 writes to a file). Do not quote them until they are measured anew.
"""


def number(value: float) -> str:
    return f"{value:,.{3 if value < 1 else 2 if value < 100 else 0}f}"


class Line:
    """One figure of one row: medians of all peers, and what became of the goals."""

    def __init__(self, work: Work, row: int, index: int, runs: dict[str, list[list[float]]]) -> None:
        self.figure: Figure = work.rows[row].figures[index]
        self.title = f"{work.rows[row].title}, {self.figure.unit}" if len(work.rows[row].figures) > 1 else work.rows[row].title
        self.all = {peer: [figures[index] for figures in each] for peer, each in runs.items()}
        self.medians = {peer: statistics.median(figures) for peer, figures in self.all.items()}

    def ratio(self, peer: str) -> float:
        return self.figure.ratio(self.medians["weft"], self.medians[peer]) if "weft" in self.medians else math.nan

    def goals(self) -> list[tuple[str, bool]]:
        """Each goal in words, and whether it is reached, to two digits after the point."""
        told = []
        for peer, goal in self.figure.goals.items():
            if peer in self.medians and "weft" in self.medians:
                told.append((f"{goal:.3g} x {peer}", round(self.ratio(peer), 2) >= round(goal, 2)))
        if self.figure.at_most is not None and "weft" in self.medians:
            told.append((f"at most {self.figure.at_most:,.0f}", self.medians["weft"] <= self.figure.at_most))
        return told


def lines(found: Figures, works: Works) -> list[tuple[str, int, Line]]:
    order = {name: place for place, name in enumerate(works)}
    return [
        (name, row, Line(works[name], row, index, found[name, row]))
        for name, row in sorted(found, key=lambda each: (order[each[0]], each[1]))
        for index in range(len(works[name].rows[row].figures))
    ]


def table(found: Figures, works: Works, title: str) -> Table:
    """For the terminal."""
    made = Table("work", "peer", "median", "least", "most", "weft is better by", "goal", title=title)
    for column in made.columns:
        column.overflow = "fold"
    for column in made.columns[2:]:
        column.justify = "right"
    for _, _, line in lines(found, works):
        title = line.title
        told = dict.fromkeys(line.medians, "")
        for words, reached in line.goals():
            peer = words.rpartition(" ")[2] if " x " in words else "weft"
            told[peer] = f"{words.removesuffix(' ' + peer)}  {'yes' if reached else 'no'}"
        for peer, median in line.medians.items():
            ratio = "" if peer == "weft" or "weft" not in line.medians else f"{line.ratio(peer):.2f} x"
            edges = (number(edge(line.all[peer])) for edge in (min, max))
            made.add_row(title, peer, f"{number(median)} {line.figure.unit}", *edges, ratio, told[peer])
            title = ""
        made.add_section()
    return made


def as_json(found: Figures, works: Works) -> list[dict[str, Any]]:
    return [
        {"work": name, "row": works[name].rows[row].title, "units": [figure.unit for figure in works[name].rows[row].figures], "runs": runs}
        for (name, row), runs in found.items()
    ]


def summary(runs: dict[str, list[list[float]]]) -> dict[str, Any]:
    """Of each peer's figures the median, the least and the most."""
    return {
        peer: [{"median": statistics.median(each), "least": min(each), "most": max(each)} for each in zip(*figures, strict=True)]
        for peer, figures in runs.items()
    }


def keep(docs: Path, kept: dict[str, Any]) -> None:
    """Put the figures beside those of other Pythons; works that were not measured this time stay as they were, with when and where."""
    path = docs / "speed" / f"python-{'.'.join(kept['machine']['python'].split('.')[:2])}.json"
    path.parent.mkdir(exist_ok=True)
    before = json.loads(path.read_text())["works"] if path.exists() else []
    new = {(each["work"], each["row"]) for each in kept["works"]}
    taken = {name: kept["machine"][name] for name in ("date", "system")}
    works = [each for each in before if (each["work"], each["row"]) not in new] + [{**each, "taken": taken} for each in kept["works"]]
    path.write_text(json.dumps({**kept, "works": [{**each, "summary": summary(each["runs"])} for each in works]}) + "\n")


def places(kept: dict[str, Any], works: Works) -> str:
    """When and where the figures were taken: the works of a day and a machine together."""
    found: dict[str, list[str]] = {}
    for each in kept["works"]:
        if each["work"] in works:
            titles = found.setdefault(f"{each['taken']['date']}, {each['taken']['system']}", [])
            if works[each["work"]].title not in titles:
                titles.append(works[each["work"]].title)
    return "\n".join(f"- {place}: {'; '.join(titles)}." for place, titles in found.items())


def read(kept: dict[str, Any], works: Works) -> Figures:
    """The figures that are kept, of the rows that there still are."""
    found: Figures = {}
    for each in kept["works"]:
        titles = [row.title for row in works[each["work"]].rows] if each["work"] in works else []
        if each["row"] in titles:
            found[each["work"], titles.index(each["row"])] = each["runs"]
    return found


def render(docs: Path, works: Works) -> None:
    """docs/speed.md and docs/speed/*.svg of every docs/speed/*.json."""
    reasons = tomllib.loads(REASONS.read_text())
    parts = [HEAD]
    short: dict[tuple[str, int], list[str]] = {}
    for path in sorted((docs / "speed").glob("python-*.json"), key=lambda path: int(path.stem.rpartition(".")[2]), reverse=True):
        kept = json.loads(path.read_text())
        found = read(kept, works)
        machine = kept["machine"]
        parts.append(f"## Python {machine['python']}\n")
        parts.append(
            ", ".join(f"{name} {version}" for name, version in machine["versions"].items()) + ". Taken on\n\n" + places(kept, works) + "\n"
        )
        for name, work in works.items():
            rows = [(row, line) for each, row, line in lines(found, works) if each == name]
            if rows:
                parts.append(f"### {work.title}\n")
                parts.append(markdown(rows))
                if work.note:
                    parts.append(f"{work.note}\n")
                picture = path.with_name(f"{path.stem}-{name}.svg")
                if plots.draw(picture, work.title, [line for _, line in rows]):
                    parts.append(f"![{work.title}: how many times better weft is than each peer](speed/{picture.name})\n")
            for row, line in rows:
                for words, reached in line.goals():
                    if not reached:
                        short.setdefault((name, row), []).append(f"{words} on {machine['python']}: {reached_instead(line, words)}")
    parts.append("## What falls short\n")
    for (name, row), said in short.items():
        reason = reasons.get(name, {}).get(works[name].rows[row].title) or reasons.get(name, {}).get("*")
        if reason is None:
            raise SystemExit(
                f"{REASONS.name} says nothing about [{name}] {works[name].rows[row].title!r}, which falls short: {'; '.join(said)}"
            )
        parts.append(f"**{works[name].title}: {works[name].rows[row].title}** ({'; '.join(said)}). {reason.strip()}\n")
    if not short:
        parts.append("Nothing.\n")
    (docs / "speed.md").write_text("\n".join(parts))


def reached_instead(line: Line, words: str) -> str:
    return f"{line.ratio(words.rpartition(' ')[2]):.2f} x" if " x " in words else number(line.medians["weft"])


def markdown(rows: list[tuple[int, Line]]) -> str:
    """One line a figure, one column a peer: its median, and how many times better weft is."""
    peers = list(dict.fromkeys(peer for _, line in rows for peer in line.medians))
    made = ["| | " + " | ".join(peers) + " | goal |", "|---|" + "---:|" * len(peers) + "---|"]
    for _, line in rows:
        cells = []
        for peer in peers:
            if peer not in line.medians:
                cells.append("")
            elif peer == "weft":
                cells.append(f"**{number(line.medians[peer])}** ({number(min(line.all[peer]))} to {number(max(line.all[peer]))})")
            else:
                cells.append(f"{number(line.medians[peer])} ({line.ratio(peer):.2f} x)")
        goals = ", ".join(f"{words}: {'yes' if reached else '**no**'}" for words, reached in line.goals())
        unit = "" if line.title.endswith(line.figure.unit) else f", {line.figure.unit}"
        made.append(f"| {line.title}{unit} | " + " | ".join(cells) + f" | {goals} |")
    return "\n".join(made) + "\n"
