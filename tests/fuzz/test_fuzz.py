"""A short run of each configuration of the fuzzer, each in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from .settings import ROTATION, Settings, rotation

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS = 1.5  # of operations; the checks at the end come on top
FLAGS = [f"-W{option}" for option in sys.warnoptions] + ["-Xdev"] * sys.flags.dev_mode


def fuzz(*arguments: str, timeout: float = 55) -> "subprocess.CompletedProcess[str]":
    """Run the fuzzer's command line."""
    command = [sys.executable, *FLAGS, "-m", "tests.fuzz", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout)


@pytest.mark.parametrize("number", range(len(ROTATION)))
def test_the_invariants_hold(number: int) -> None:
    settings = rotation(Settings(seed=1000, seconds=SECONDS, tasks=30), number)
    done = fuzz(*settings.arguments())
    assert done.returncode == 0, f"repeat it: {settings.command()}\n{done.stdout}\n{done.stderr}"


def test_a_finding_is_an_exit_status_and_a_command_line() -> None:
    done = fuzz("--only", "tasks.impossible", "--seconds", "0.1")
    assert done.returncode == 1
    assert "there is no operation 'tasks.impossible'" in done.stdout
    assert "repeat it: " in done.stdout
    assert "--only=tasks.impossible" in done.stdout


def test_every_operation_is_listed() -> None:
    listed = fuzz("--list").stdout.splitlines()
    assert len(listed) > 80
    assert all(len(line.split(maxsplit=2)) == 3 for line in listed)


def test_a_command_line_repeats_the_settings() -> None:
    settings = Settings(seed=7, poller="poll", gc1=True, only=("sync", "queues.put"))
    assert settings.arguments() == [
        "--seed=7",
        "--seconds=20",
        "--poller=poll",
        "--gc1",
        "--only=sync,queues.put",
    ]
