"""The benchmarks run; what they measure is nothing for a test."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("work", ["switching", "spawning", "hopping", "memory", "echo"])
def test_weft_does_the_work(work: str) -> None:
    environment = {**os.environ, "BENCH_SMOKE": "1"}
    command = [sys.executable, "-m", f"bench.{work}", "weft"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 0


@pytest.mark.parametrize("variant", range(8))
def test_weft_does_the_works_of_the_toolkit(variant: int) -> None:
    environment = {**os.environ, "BENCH_SMOKE": "1"}
    command = [sys.executable, "-m", "bench.toolkit", "weft", str(variant)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 0


def test_the_table(tmp_path: Path) -> None:
    environment = {**os.environ, "BENCH_SMOKE": "1"}
    command = [sys.executable, "-m", "bench", "--rounds", "1", "--json", str(tmp_path / "figures.json"), "switching"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
    assert "yield between two tasks" in done.stdout
    assert "switching" in (tmp_path / "figures.json").read_text()
