"""The checked-in table: what passes under stock Python, weft and gevent, and each exception with its reason."""

import json
import tomllib
from pathlib import Path

__all__ = ["FOLDER", "lost", "write"]

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".conformance"
DOCUMENT = ROOT / "docs" / "conformance.md"
EXCEPTIONS = Path(__file__).parent / "exceptions.toml"
GOAL = 99.5  # per cent


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


def write() -> int:
    """Write the document. Returns 1 if weft is below the goal somewhere, or an exception has no reason; 0 if all is well."""
    raise NotImplementedError
