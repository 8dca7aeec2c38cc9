"""The command line as a user types it."""

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from weft.demo.certificate import Certificate


def weft(*words: str | Path, stdin: str = "", cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", "weft", *words], input=stdin, capture_output=True, text=True, timeout=50, cwd=cwd)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_help_has_examples() -> None:
    for words in ([], ["run"], ["fetch"], ["demo"]):
        done = weft(*words, "--help")
        assert done.returncode == 0
        assert re.search(r"^  weft (demo|fetch|run)", done.stdout, re.MULTILINE)


def test_run_a_script_with_arguments(tmp_path: Path) -> None:
    script = write(tmp_path / "script.py", "import sys, time, weft.time; print(sys.argv[1:], __name__, time.sleep is weft.time.sleep)")
    done = weft("run", script, "-v", "--as-gevent", "-m", "x")
    assert done.stdout == "['-v', '--as-gevent', '-m', 'x'] __main__ True\n"
    assert (done.returncode, done.stderr) == (0, "")


def test_run_a_module_and_a_package_folder(tmp_path: Path) -> None:
    write(tmp_path / "module.py", "import sys; print(sys.argv[1:], __name__)")
    assert weft("run", "-m", "module", "-v", "a", cwd=tmp_path).stdout == "['-v', 'a'] __main__\n"
    (tmp_path / "folder").mkdir()
    write(tmp_path / "folder" / "__main__.py", "print(__name__)")
    assert weft("run", tmp_path / "folder").stdout == "__main__\n"


def test_run_finds_the_scripts_neighbours_and_ends_with_its_status(tmp_path: Path) -> None:
    write(tmp_path / "neighbour.py", "status = 7")
    assert weft("run", write(tmp_path / "script.py", "import neighbour, sys; sys.exit(neighbour.status)")).returncode == 7


def test_a_traceback_begins_in_the_program(tmp_path: Path) -> None:
    done = weft("run", write(tmp_path / "script.py", "def f(): 1 / 0\nf()\n"))
    assert done.returncode == 1
    assert done.stderr.count("File ") == 2
    assert "ZeroDivisionError" in done.stderr


def test_run_says_what_is_wrong(tmp_path: Path) -> None:
    assert "no such file" in weft("run", "nowhere.py").stderr
    assert "SCRIPT" in weft("run").stderr
    done = weft("run", write(tmp_path / "script.py", "def\n"))
    assert done.returncode == 1
    assert "SyntaxError" in done.stderr


def test_ctrl_c_ends_a_program(tmp_path: Path) -> None:
    script = write(tmp_path / "script.py", "import time; print('ready', flush=True); time.sleep(60)")
    with subprocess.Popen(
        [sys.executable, "-m", "weft", "run", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode in (130, -signal.SIGINT)
    assert errors.endswith("KeyboardInterrupt\n")


GEVENT = """
import gevent
from gevent import monkey
monkey.patch_all()
def double(x):
    gevent.sleep(0.01)
    return 2 * x
tasks = [gevent.spawn(double, n) for n in range(3)]
gevent.joinall(tasks)
print([task.value for task in tasks], tasks[0].get(), tasks[0].successful())
def fail(): raise ValueError("seen once")
failed = gevent.spawn(fail); failed.join()
print(repr(failed.exception), failed.value)
sleeper = gevent.spawn_later(60, double, 1); gevent.sleep(0); sleeper.kill(); print(sleeper.dead)
print(len(gevent.joinall([gevent.spawn(gevent.sleep, 60), gevent.spawn(double, 1)], count=1)))
try:
    import gevent.pywsgi
except ImportError as error:
    print(error)
"""


def test_a_program_for_gevent(tmp_path: Path) -> None:
    script = write(tmp_path / "script.py", GEVENT)
    done = weft("run", "-v", "--as-gevent", script)
    lines = done.stdout.splitlines()
    assert lines[:4] == ["[0, 2, 4] 0 True", "ValueError('seen once') None", "True", "1"]
    assert "weft answers to gevent and gevent.monkey alone" in lines[4]
    assert done.stderr.count("ValueError: seen once") == 1
    assert "weft answers to gevent's names" in done.stderr
    assert done.returncode == 0


def test_gevents_own_names_can_be_asked_for(tmp_path: Path) -> None:
    script = write(
        tmp_path / "script.py",
        "import sys\ntry:\n    import gevent\nexcept ImportError: print('none')\nelse: print(gevent.__spec__.origin)",
    )
    assert weft("run", "--no-as-gevent", script).stdout.strip() != "weft"
    assert weft("run", "--as-gevent", script).stdout.strip() == "weft"


def test_fetch_prints_a_line_a_page_and_totals(site: str) -> None:
    done = weft("fetch", f"{site}/bytes/1234", f"{site}/bytes/1")
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert any(re.fullmatch(rf" *200 +1,234 B +\d+\.\d+ s  {site}/bytes/1234", line) for line in lines)
    assert re.fullmatch(r"2 pages, 1,235 bytes in [\d.]+ s: [\d.,]+ a second", lines[-1])


def test_fetch_ends_with_1_if_anything_failed(site: str, secure_site: str) -> None:
    done = weft("fetch", "http://127.0.0.1:1/", "nonsense", f"{secure_site}/", f"{site}/status/500", f"{site}/bytes/9", "--timeout", "5")
    assert done.returncode == 1
    assert done.stdout.count("failed ") == 3
    assert "2 pages, 15 bytes" in done.stdout
    assert done.stdout.rstrip().endswith("4 failed")
    assert weft("fetch", f"{site}/bytes/9").returncode == 0


def test_fetch_with_an_authority(secure_site: str, certificate: Certificate) -> None:
    assert weft("fetch", "--cacert", certificate.authority, f"{secure_site}/bytes/2").returncode == 0
    assert weft("fetch", "--insecure", f"{secure_site}/bytes/2").returncode == 0


def test_fetch_reads_a_file_and_standard_input(site: str, tmp_path: Path) -> None:
    listed = write(tmp_path / "urls.txt", f"# a comment\n\n{site}/bytes/1\n {site}/bytes/2\r\n{site}/bytes/3")
    assert "3 pages, 6 bytes" in weft("fetch", "-i", listed).stdout
    assert "3 pages, 6 bytes" in weft("fetch", "-", stdin=listed.read_text()).stdout
    assert weft("fetch", "--quiet", "-i", "-", stdin=listed.read_text()).stdout.count("\n") == 1
    assert "urls.none" in weft("fetch", "-i", tmp_path / "urls.none").stderr
    assert weft("fetch").returncode == 2


@contextmanager
def fetching(*urls: str) -> Iterator["subprocess.Popen[str]"]:
    """`weft fetch` of these addresses from a standard input that does not end."""
    command = [sys.executable, "-m", "weft", "fetch", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        process.stdin.write("".join(f"{url}\n" for url in urls))
        process.stdin.flush()
        yield process


def test_fetch_begins_before_its_input_ends_and_ctrl_c_prints_totals(site: str) -> None:
    with fetching(f"{site}/bytes/5") as process:
        assert process.stdout is not None
        assert "bytes/5" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "1 pages, 5 bytes" in output
    assert errors == "interrupted\n"


def test_ctrl_c_waits_for_what_is_on_its_way_and_a_second_one_does_not() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        fetching(f"http://127.0.0.1:{listener.getsockname()[1]}/") as process,
        listener.accept()[0] as peer,
    ):
        assert process.stderr is not None
        assert peer.recv(1) == b"G"  # asked for, and never answered
        process.send_signal(signal.SIGINT)
        assert process.stderr.readline() == "stopping: 1 on their way; Ctrl-C again stops at once\n"
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "0 pages, 0 bytes" in output
    assert errors == "interrupted\n"


def test_fetch_compares(site: str) -> None:
    began = time.monotonic()
    done = weft("fetch", "--compare", *[f"{site}/slow/0.2"] * 5)
    assert time.monotonic() - began < 10
    one_by_one, at_once, slowest = (
        float(re.search(rf"{name} .* ([\d.]+) s", done.stdout)[1]) for name in ("one by one", "at once", "slowest page")
    )  # type: ignore[index]
    assert one_by_one >= 1
    assert slowest <= at_once < one_by_one / 2
    assert "times as fast" in done.stdout


def test_fetch_to_a_closed_pipe_ends_quietly(site: str) -> None:
    command = [sys.executable, "-u", "-m", "weft", "fetch", "-c", "1", *[f"{site}/bytes/1"] * 50]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
def test_fetch_to_a_full_disk_says_so(site: str) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-m", "weft", "fetch", f"{site}/bytes/1"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.timeout(90)
def test_the_demo_shows_the_gain() -> None:
    done = weft("demo")
    assert (done.returncode, done.stderr) == (0, "")
    gains = [float(gain) for gain in re.findall(r"at once is ([\d.]+) times as fast", done.stdout)]
    assert len(gains) == 2
    assert min(gains) > 2
    assert done.stdout.count("47,424 B") == 8
