"""The benchmarks run; what they measure is nothing for a test."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ENVIRONMENT = {**os.environ, "BENCH_SMOKE": "1"}


def run(*words: str | Path, status: int = 0) -> str:
    """What a module prints; of one that is to end with another status, what it complains of."""
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=50)
    assert done.returncode == status, done.stderr
    return done.stderr if status else done.stdout


@pytest.mark.parametrize("row", range(15))
@pytest.mark.parametrize("peer", ["weft", "asyncio"])
def test_works_on_tasks(peer: str, row: int) -> None:
    assert json.loads(run("bench.basics", peer, str(row)))[0] > 0


@pytest.mark.parametrize(("work", "row"), [("memory", 0), ("memory", 1), ("million", 0), ("echo", 2), ("echo", 10)])
def test_weft_does_the_work(work: str, row: int) -> None:
    assert json.loads(run(f"bench.{work}", "weft", str(row)))[0] > 0


def test_the_table_of_the_terminal(tmp_path: Path) -> None:
    said = run("bench", "--rounds", "1", "--json", tmp_path / "figures.json", "memory")
    assert "a task that sleeps" in said
    assert json.loads((tmp_path / "figures.json").read_text())["works"][0]["work"] == "memory"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--rounds 0 memory", "0 is not in the range"),
        ("--quick --rounds 3", "--quick takes one round"),
        ("--quick files", "no row of files is quick"),
        ("--quick --write", "at least 5 rounds"),
        ("--write memory", "of the whole work"),  # BENCH_SMOKE is set
        ("--render memory", "--render measures nothing"),
        ("--json nowhere/figures.json memory", "cannot be written"),
        ("swimming", "'swimming' is not one of"),
    ],
)
def test_what_cannot_be_asked_for(words: str, said: str) -> None:
    assert said in run("bench", *words.split(), status=2)


MACHINE = {"date": "2026-01-01", "python": "3.13.0", "system": "Linux, 2 cores", "versions": {"gevent": "26.1"}}


def kept(weft: float) -> dict[str, object]:
    runs = {"weft": [[weft], [weft], [weft]], "gevent": [[8.0], [9.0], [10.0]], "uvloop": [[4.0], [4.0], [4.0]]}
    return {"machine": MACHINE, "rounds": 3, "works": [{"work": "tasks", "row": "yield between two tasks", "units": ["µs"], "runs": runs}]}


def test_the_document(tmp_path: Path) -> None:
    from bench import report
    from bench.works import WORKS

    report.keep(tmp_path, kept(1.0))
    report.render(tmp_path, WORKS)
    text = (tmp_path / "speed.md").read_text()
    assert "**1.00** (1.00 to 1.00) | 9.00 (9.00 x) | 4.00 (4.00 x) | 6 x gevent: yes, 3 x uvloop: yes" in text
    assert "Nothing." in text
    assert "gevent 26.1. Taken on\n\n- 2026-01-01, Linux, 2 cores: tasks.\n" in text
    figures = json.loads((tmp_path / "speed" / "python-3.13.json").read_text())["works"][0]["summary"]
    assert figures["gevent"] == [{"median": 9.0, "least": 8.0, "most": 10.0}]
    assert (tmp_path / "speed" / "python-3.13-tasks.svg").read_text().startswith("<?xml")


def test_what_falls_short_needs_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench import report
    from bench.works import WORKS

    reasons = tmp_path / "reasons.toml"
    reasons.write_text("")
    monkeypatch.setattr(report, "REASONS", reasons)
    report.keep(tmp_path, kept(2.0))
    with pytest.raises(SystemExit, match=r"6 x gevent on 3\.13\.0: 4\.50 x"):
        report.render(tmp_path, WORKS)
    reasons.write_text('[tasks]\n"yield between two tasks" = "Because."\n')
    report.render(tmp_path, WORKS)
    assert "Because." in (tmp_path / "speed.md").read_text()
