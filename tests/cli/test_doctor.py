"""``weft doctor``: what a program took before it was patched."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
from time import sleep
import socket, sys, threading
lock = threading.Lock(); kept = (lock,)  # in a tuple it cannot be replaced
def waits(seconds, how=sleep): how(seconds)
class Connection(socket.socket): pass
class Client:
    pause = sleep
print("it runs", sys.argv[1:])
"""
PATCH = "import warnings; warnings.simplefilter('ignore')\nfrom weft import monkey; monkey.patch_all()\n"


def doctor(path: Path, program: str, *options: str) -> "subprocess.CompletedProcess[str]":
    path.write_text(program)
    return subprocess.run([sys.executable, "-m", "weft", "doctor", *options, str(path), "-x"], capture_output=True, text=True, timeout=60)


def test_it_names_what_was_captured(tmp_path: Path) -> None:
    done = doctor(tmp_path / "program.py", PROGRAM + PATCH)
    assert done.stdout == "it runs ['-x']\n"
    assert done.stderr.splitlines()[:5] == [
        "__main__.Client.pause: time.sleep",
        "__main__.Connection: extends socket.socket",
        "__main__.lock: a real lock, made before patching",
        "__main__.sleep: time.sleep",
        "__main__.waits: time.sleep, as a default",
    ]
    assert done.stderr.splitlines()[5].startswith("5 references to blocking originals")
    assert done.returncode == 1


def test_a_program_that_patches_first_is_healthy(tmp_path: Path) -> None:
    done = doctor(tmp_path / "program.py", PATCH + PROGRAM)
    assert done.stdout == "it runs ['-x']\n"
    assert done.stderr.startswith("0 references")
    assert done.returncode == 0


def test_a_program_that_does_not_patch_is_told_of_weft_run(tmp_path: Path) -> None:
    done = doctor(tmp_path / "program.py", PROGRAM)
    assert "did not call weft.monkey.patch_all(); `weft run` patches" in done.stderr
    assert "__main__.sleep: time.sleep" in done.stderr


def test_the_standard_librarys_own_are_listed_on_demand(tmp_path: Path) -> None:
    done = doctor(tmp_path / "program.py", "import reprlib\n" + PATCH, "--all")
    assert "\nreprlib.get_ident: " in done.stderr


@pytest.mark.skipif(sys.version_info < (3, 15), reason="lazy imports came with 3.15")
def test_it_finds_the_same_where_every_import_is_lazy(tmp_path: Path) -> None:
    eager = doctor(tmp_path / "program.py", PROGRAM + PATCH)
    words = [sys.executable, "-X", "lazy_imports=all", "-m", "weft", "doctor", tmp_path / "program.py", "-x"]
    lazy = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert lazy.stdout == eager.stdout
    theirs = [line for line in eager.stderr.splitlines() if line.startswith("__main__")]
    assert [line for line in lazy.stderr.splitlines() if line.startswith("__main__")] == theirs
    assert lazy.returncode == eager.returncode == 1
