"""Leaks are found; the pytest plugin does what its marker says."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import weft
from weft.testing import LeakError, no_leaks


def test_what_is_left_behind_is_listed() -> None:
    with no_leaks(), socket.socket():
        weft.spawn(weft.sleep, 0)
    with pytest.raises(LeakError, match="forgotten") as caught, no_leaks():
        task = weft.spawn(weft.sleep, 60)
        task.name = "forgotten"
        weft.sleep(0)
    assert caught.value.tasks == [task]
    with no_leaks():  # it was there before
        pass
    task.cancel()
    task.join()
    with pytest.raises(LeakError, match="socket") as caught, no_leaks():
        forgotten = socket.socket()
    assert list(caught.value.descriptors) == [forgotten.fileno()]
    forgotten.close()
    with pytest.raises(KeyError), no_leaks():
        raise KeyError


PROGRAM = """
import time, weft, pytest

@pytest.mark.weft(clock="virtual")
def test_slow():
    weft.sleep(3600)

def test_fixture(virtual_clock):
    weft.sleep(3600)
    assert virtual_clock.elapsed >= 3600

runs = []
@pytest.mark.weft(seeds=5)
@pytest.mark.parametrize("number", [1])
def test_orders(number, tmp_path):
    runs.append(number)
def test_runs():
    assert runs == [1] * 5

@pytest.mark.weft(seeds=50)
def test_fails_in_some_orders():
    order = []
    weft.gather(lambda: order.append(1), lambda: order.append(2))
    assert order == [1, 2]

@pytest.mark.weft(leaks=True)
def test_leaks():
    weft.spawn(weft.sleep, 60)

def test_plain():
    weft.spawn(weft.sleep, 60)
"""


def pytest_run(folder: Path, *options: str, **environment: str) -> str:
    (folder / "test_program.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "pytest", "-p", "pytest_weft", "-p", "no:cacheprovider", "-q", *options, "test_program.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=50, env={**os.environ, **environment})
    return done.stdout + done.stderr


def test_the_marker(tmp_path: Path) -> None:
    output = pytest_run(tmp_path)
    assert "2 failed, 5 passed" in output
    assert "FAILED test_program.py::test_fails_in_some_orders" in output
    assert "WEFT_SEED=" in output
    assert "FAILED test_program.py::test_leaks - weft.testing.leaks.LeakError" in output


def test_the_options(tmp_path: Path) -> None:
    assert "3 failed, 4 passed" in pytest_run(tmp_path, "--weft-leaks")
    assert "1 passed" in pytest_run(tmp_path, "-k", "test_orders", WEFT_SEED="3")
    (tmp_path / "wrong").mkdir()
    program = "import pytest\n@pytest.mark.weft(clok='virtual')\ndef test_wrong(): pass\n"
    (tmp_path / "wrong" / "test_wrong.py").write_text(program)
    assert "the marker weft takes clock, leaks, seeds" in pytest_run(tmp_path, "wrong/test_wrong.py", "-k", "wrong")
