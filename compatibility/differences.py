"""Tests that pass under stock Python and not under weft; those that differ by chance are told apart by more runs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from compatibility.suite import Results

__all__ = ["FOLDER", "REPEATS", "Outcome", "lost", "outcome", "versions"]

FOLDER = Path(__file__).parent.parent / ".compatibility"
REPEATS = 3  # more runs of the files that hold a difference, on each side


def lost(stock: Mapping[str, str], weft: Mapping[str, str]) -> dict[str, str]:
    """Return the tests that pass under stock Python and not under weft, and how they end there."""
    return {test: weft.get(test, "not run") for test, how in stock.items() if how == "passed" and weft.get(test) != "passed"}


@dataclass
class Outcome:
    """All that is known of a library under one Python."""

    stock: Results
    weft: Results
    flaky: list[str] = field(default_factory=list)  # differ, and fail under stock Python in a repeated run
    unsteady: list[str] = field(default_factory=list)  # differ, and pass under weft in every repeated run
    differences: dict[str, str] = field(default_factory=dict)  # the rest: these count


def judge(stock: Results, weft: Results, again: Mapping[str, list[Results]]) -> Outcome:
    """Return what came of both runs and of those that repeated the differing tests; `again` has a list for each side."""
    found = Outcome(stock, weft)
    for test, how in lost(stock, weft).items():
        theirs, ours = ([results[test] for results in again.get(side, []) if test in results] for side in ("stock", "weft"))
        if any(result != "passed" for result in theirs):
            found.flaky.append(test)
        elif ours and all(result == "passed" for result in ours):
            found.unsteady.append(test)
        else:
            found.differences[test] = how
    return found


def outcome(version: str, name: str, folder: Path = FOLDER) -> Outcome | None:
    """Return the outcome of the library `name` under the Python `version` ("3.13"); None if one of the two sides was not run."""
    files = [folder / version / side / f"{name}.json" for side in ("stock", "weft")]
    if not all(file.exists() for file in files):
        return None
    stock, weft = (json.loads(file.read_text())["results"] for file in files)
    repeated = folder / version / "again" / f"{name}.json"
    return judge(stock, weft, json.loads(repeated.read_text()) if repeated.exists() else {})


def versions(folder: Path = FOLDER) -> list[str]:
    """Return the Pythons that have results, oldest first."""
    found = [path.name for path in folder.glob("3.*") if (path / "stock").is_dir()]
    return sorted(found, key=lambda version: [int(part) for part in version.split(".")])
