"""The programs of the document that weft was created from, byte for byte as they stand there, under ``weft run``."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from weft.demo.certificate import make

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"
ISOLATED = ("unshare", "--map-root-user", "--mount", "--net")


def run(name: str) -> str:
    """Run a program of the seed; weft answers to gevent's names."""
    command = [sys.executable, "-m", "weft", "run", "--as-gevent", str(PROGRAMS / name)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_generators_are_producer_and_consumers() -> None:
    lines = ["--->starting eating baozi..."] * 2
    for n in range(1, 6):
        lines += [f"[c1] is eating baozi {n}", f"[c2] is eating baozi {n}", f"\033[32;1m[producer]\033[0m is making baozi {n}"]
    assert run("generators.py").splitlines() == lines


def test_greenlets_are_switched_by_hand() -> None:
    assert run("greenlets.py").split() == ["12", "56", "34", "78"]


def test_tasks_switch_by_themselves() -> None:
    began = time.monotonic()
    assert run("tasks.py").splitlines() == [
        "Running in foo",
        "Explicit context to bar",
        "Explicit context switch to foo again",
        "Implicit context switch back to bar",
    ]
    assert 3 <= time.monotonic() - began < 4.9  # one after the other they take 5


def test_pages_are_fetched_one_by_one_and_then_at_once(tmp_path: Path) -> None:
    """In a network of its own, where the three names lead to a server here: names resolved, certificates checked, on port 443."""
    if subprocess.run([*ISOLATED, "true"], capture_output=True).returncode:
        pytest.skip("this machine allows no network namespace: run as root, or allow unprivileged user namespaces")
    made = make(tmp_path, ["www.python.org", "github.com", "blog.ansheng.me"])
    settings = {"chain": str(made.chain), "key": str(made.key), "authority": str(made.authority), "folder": str(tmp_path)}
    command = [*ISOLATED, sys.executable, str(HERE / "network.py"), json.dumps(settings), str(PROGRAMS / "pages.py")]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    urls = ["https://www.python.org/", "https://www.python.org/", "https://github.com/", "https://blog.ansheng.me/"]
    sizes = [47424, 47424, 25735, 82693]
    received = [f"{size} bytes received from {url}." for size, url in zip(sizes, urls, strict=True)]
    gets = [f"GET: {url}" for url in urls]
    assert lines[:8] == [line for pair in zip(gets, received, strict=True) for line in pair]
    assert lines[9:13] == gets
    assert sorted(lines[13:17]) == sorted(received)
    serial, at_once = (float(line.split("\N{FULLWIDTH COLON}")[1]) for line in (lines[8], lines[17]))
    assert serial > 2  # four pages of half a second each
    assert at_once < 1.5
    assert len(lines) == 18
