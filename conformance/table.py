"""The checked-in table: what passes under stock Python, weft and gevent, and each exception with its reason."""

import json
import tomllib
from collections import Counter
from pathlib import Path

from conformance.files import FILES

__all__ = ["FOLDER", "lost", "named", "write"]

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".conformance"
DOCUMENT = ROOT / "docs" / "conformance.md"
EXCEPTIONS = Path(__file__).parent / "exceptions.toml"
VERSIONS = ("3.11", "3.12", "3.13", "3.14", "3.15")
GOAL = 99.5  # per cent

COLUMNS = """| file | stock: run | passed | failed | skipped | weft: run | passed | failed | skipped | gevent: passed | failed |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"""
HEAD = """# CPython's own tests

Each file of CPython's test-suite that meets what weft replaces, run as it is (`weft run -m test`), beside the same files under stock
Python and under gevent's monkey patching (`python -m gevent.monkey --module test`). "Kept" is the share of what passes under stock Python
that passes here, too. A file that prints nothing for two minutes (gevent: 20 seconds) hangs: the test that was last begun counts as
failed, and the file runs again without it, six times at most; what was then not reached counts as failed, too.
The tests of concurrent.futures and multiprocessing, which 3.11.7 and 3.12.1 do not install, are those of Debian's 3.11.2 there
(`--lent`: the package libpython3.11-testsuite).

3.14 and 3.15 are Debian's, in a root of their own (`scripts/newer 3.14 scripts/conformance run`).

Made by `scripts/conformance run` (an hour for a version) and `scripts/conformance table`; do not edit.
"""


def results(version: str, side: str) -> dict[str, dict[str, str]]:
    """The results of each file that was run."""
    return {path.stem: json.loads(path.read_text())["results"] for path in sorted((FOLDER / version / side).glob("*.json"))}


def lost(version: str, side: str) -> dict[str, str]:
    """The tests that pass under stock Python and not under `side`, and how they end there."""
    theirs = results(version, side)
    return {
        test: theirs[name].get(test, "not run")
        for name, tests in results(version, "stock").items()
        if name in theirs
        for test, how in tests.items()
        if how == "passed" and theirs[name].get(test) != "passed"
    }


def named() -> dict[str, str]:
    """Each test that weft is known to lose, by its full name, and the reason."""
    exceptions: dict[str, str] = {}
    for group in tomllib.loads(EXCEPTIONS.read_text())["exception"]:
        exceptions |= dict.fromkeys(group["tests"], group["reason"])
    return exceptions


def write() -> int:
    """Write the document. Returns 1 if weft is below the goal somewhere, or an exception has no reason; 0 if all is well."""
    lines = [HEAD]
    failed = False
    reasons = named()
    missed: dict[str, dict[str, str]] = {}  # what weft loses, for each version
    for version in VERSIONS:
        stock, weft, gevent = (results(version, side) for side in ("stock", "weft", "gevent"))
        if not stock or not weft:
            continue
        python = json.loads(next((FOLDER / version / "stock").glob("*.json")).read_text())["python"]
        lines.append(f"\n## Python {python}\n\n{COLUMNS}")
        for name in FILES:
            if name in stock:
                lines.append(f"| {name} | {row(stock[name])} | {row(weft.get(name, {}))} | {short(stock[name], gevent.get(name))} |")
        everything = {
            side: {test: how for tests in sides.values() for test, how in tests.items()} for side, sides in (("s", stock), ("w", weft))
        }
        lines.append(f"| **all** | {row(everything['s'])} | {row(everything['w'])} | | |")
        passed = sum(how == "passed" for how in everything["s"].values())
        missing = missed[version] = lost(version, "weft")
        kept = 100 - 100 * len(missing) / passed
        theirs = Counter(lost(version, "gevent").values())
        hidden = theirs.pop("not run", 0)
        reached = sum(how == "passed" for name in gevent for how in stock.get(name, {}).values()) - hidden
        share = 100 - 100 * theirs.total() / reached if reached else 0
        peer = f"; gevent keeps {share:.2f} % of the {reached:,} that were reached ({hidden:,} were not, behind hangs)" if reached else ""
        lines.append(
            f"\nweft keeps {kept:.2f} %: of {passed:,} tests that pass under stock Python, {len(missing)} do not pass under weft{peer}."
        )
        unnamed = sorted(set(missing) - set(reasons))
        if unnamed or kept < GOAL:
            failed = True
            print(f"{version}: {kept:.2f} % kept; lost without a reason: " + (", ".join(unnamed) or "none"))
    lines.append("\n## What does not pass, and why\n")
    for group in tomllib.loads(EXCEPTIONS.read_text())["exception"]:
        lines.append(f"{group['reason']}\n")
        for test in group["tests"]:
            where = [version for version, missing in missed.items() if test in missing]
            lines.append(f"- `{test}` ({', '.join(where) or 'passes now, or was not asked'})")
        lines.append("")
    DOCUMENT.write_text("\n".join(lines).rstrip() + "\n")
    return int(failed)


def row(tests: dict[str, str]) -> str:
    """Run, passed, failed, skipped."""
    counts = Counter(tests.values())
    skipped, passed = counts["skipped"], counts["passed"]
    return f"{len(tests)} | {passed} | {len(tests) - passed - skipped} | {skipped}"


def short(stock: dict[str, str], tests: dict[str, str] | None) -> str:
    """Passed and failed, with what was not reached among the failed."""
    if tests is None:
        return "- | -"
    passed = sum(how == "passed" for how in tests.values())
    skipped = sum(how == "skipped" for how in tests.values())
    return f"{passed} | {max(len(tests), len(stock)) - passed - skipped}"
