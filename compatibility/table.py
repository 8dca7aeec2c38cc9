"""The checked-in table: what passes of each suite under stock Python and under weft, and each difference with its reason."""

import json
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from compatibility.differences import FOLDER, Outcome, outcome, versions
from compatibility.libraries import LIBRARIES

__all__ = ["GOAL", "named", "render", "write"]

DOCUMENT = Path(__file__).parent.parent / "docs" / "compatibility.md"
REASONS = Path(__file__).parent / "reasons.toml"
GOAL = 99.9  # per cent
SHOWN = 20  # lines about what is wrong

COLUMNS = """| library | version | what it meets | stock: passed | failed | skipped | weft: passed | failed | skipped | kept |
|---|---|---|---:|---:|---:|---:|---:|---:|---:|"""
HEAD = """# Test-suites of well-known libraries

Each library's own tests, from its source distribution, run as its authors run them: by `python -m pytest` under stock Python, and by
`weft run -m pytest` with the standard library patched. No suite is changed. Each library has a virtual environment of its own.
"Skipped" includes what the authors expect to fail. "Kept" is the share of what passes under stock Python that passes under weft, too.

A test hangs if neither output nor a result comes for two minutes. It is ended and named, and the suite goes on behind it.
The files that hold a difference run three more times on both sides. A test that then fails under stock Python is flaky and does not
count. A test that then passes under weft each time does not count either, and is named below.

Made by `scripts/compatibility fetch`, `scripts/compatibility run` (about an hour for a Python) and `scripts/compatibility table`.
Do not edit.
"""


def named(text: str) -> dict[tuple[str, str], str]:
    """Return the reason for each test in the text of a `reasons.toml`, by library and test."""
    reasons: dict[tuple[str, str], str] = {}
    for group in tomllib.loads(text).get("difference", []):
        for library, tests in group["tests"].items():
            reasons |= dict.fromkeys(((library, test) for test in tests), group["reason"])
    return reasons


def row(results: Iterable[str]) -> str:
    """Return the cells for passed, failed and skipped."""
    counts = Counter(results)
    skipped = counts["skipped"] + counts["xfailed"]
    return f"{counts['passed']:,} | {counts.total() - counts['passed'] - skipped:,} | {skipped:,}"


def kept(outcomes: Iterable[Outcome]) -> float:
    """Return the percentage of what passes under stock Python that passes under weft."""
    together = list(outcomes)
    passed = sum(list(found.stock.values()).count("passed") for found in together)
    return 100 - 100 * sum(len(found.differences) for found in together) / passed if passed else 100.0


def render(outcomes: dict[str, dict[str, Outcome]], pythons: dict[str, str], reasons: str) -> tuple[str, list[str]]:
    """Return the document, and what is wrong with it: a Python below the goal, a difference without a reason.

    `outcomes` holds, for each version of Python, the outcome of each library; `pythons` the full versions; `reasons` a `reasons.toml`.
    """
    lines = [HEAD]
    faults: list[str] = []
    known = named(reasons)
    for version, found in outcomes.items():
        lines.append(f"\n## Python {pythons[version]}\n\n{COLUMNS}")
        for name, one in found.items():
            library = LIBRARIES[name]
            cells = f"{row(one.stock.values())} | {row(one.weft.values())} | {kept([one]):.2f} %"
            lines.append(f"| {name} | {library.version} | {library.meets} | {cells} |")
        stock, weft = ([how for one in found.values() for how in getattr(one, side).values()] for side in ("stock", "weft"))
        share = kept(found.values())
        missing = [(name, test) for name, one in found.items() for test in one.differences]
        lines.append(f"| **all {len(found)}** | | | {row(stock)} | {row(weft)} | {share:.2f} % |")
        total = f"{stock.count('passed'):,} tests that pass under stock Python, {len(missing)} do not pass under weft"
        lines.append(f"\nweft keeps {share:.2f} %: of {total}.")
        if share < GOAL:
            faults.append(f"{version}: {share:.2f} % kept, below {GOAL} %")
        faults += [f"{version}: no reason for {name}: {test}" for name, test in missing if (name, test) not in known]
    lines.append("\n## What does not pass, and why\n")
    for group in tomllib.loads(reasons).get("difference", []):
        lines.append(f"{group['reason']}\n")
        for name, tests in group["tests"].items():
            for test in tests:
                where = [version for version, found in outcomes.items() if name in found and test in found[name].differences]
                lines.append(f"- {name}: `{test}` ({', '.join(where) or 'passes now'})")
        lines.append("")
    lines += chance("Flaky under stock Python: they do not count.", outcomes, "flaky")
    lines += chance("Failed once under weft, and passed three times when asked again: they do not count.", outcomes, "unsteady")
    return "\n".join(lines).rstrip() + "\n", faults


def chance(title: str, outcomes: dict[str, dict[str, Outcome]], kind: str) -> list[str]:
    """Return the lines that name the tests of a kind that does not count."""
    tests = [(version, name, test) for version, found in outcomes.items() for name, one in found.items() for test in getattr(one, kind)]
    return [f"{title}\n", *(f"- {name}: `{test}` ({version})" for version, name, test in tests), ""] if tests else []


def write(folder: Path = FOLDER) -> int:
    """Write the document. Return 1 if weft is below the goal or a difference has no reason, 0 if all is well."""
    outcomes: dict[str, dict[str, Outcome]] = {}
    pythons: dict[str, str] = {}
    for version in versions(folder):
        found = {name: outcome(version, name, folder) for name in LIBRARIES}
        outcomes[version] = {name: one for name, one in found.items() if one is not None}
        pythons[version] = json.loads(next((folder / version / "stock").glob("*.json")).read_text())["python"]
    text, faults = render(outcomes, pythons, REASONS.read_text())
    DOCUMENT.write_text(text)
    shown = faults[:SHOWN] + (
        [f"... and {len(faults) - SHOWN} more; `scripts/compatibility lost` lists all"] if len(faults) > SHOWN else []
    )
    print("\n".join(shown or [f"{DOCUMENT.name} is written; every difference has a reason"]))
    return int(bool(faults))
