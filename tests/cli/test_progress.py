"""The live display in a real terminal, and plain lines elsewhere."""

import os
import pty
import re
import select
import subprocess
import time
from pathlib import Path

from tests.fetch.command import command, weft


def in_terminal(*words: str | Path, columns: int = 100) -> tuple[int, str]:
    """Run the command with a pseudo-terminal for everything; its status, and all that it drew."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": "30"}
    with subprocess.Popen(command(*words), stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True) as process:
        os.close(theirs)
        drawn = b""
        end = time.monotonic() + 40
        while time.monotonic() < end:
            if select.select([ours], [], [], 0.2)[0]:
                try:
                    piece = os.read(ours, 65536)
                except OSError:  # the other side is closed
                    break
                drawn += piece
            elif process.poll() is not None:
                break
        status = process.wait(10)
    os.close(ours)
    return status, drawn.decode()


def test_the_live_display(site: str, tmp_path: Path) -> None:
    urls = ["http://127.0.0.1:1/"] + [f"{site}/slow/1?{number}" for number in range(30)]
    status, drawn = in_terminal(*urls, "-c", "10", "-o", tmp_path / "pages")
    assert status == 1
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn)
    assert re.search(r"\d+ of 31 done, [\d.]+ a second, [\d.]+ MB, 10 in flight, 1 failed", text)
    assert re.search(r"0:00:0\d left", text)
    assert re.search(r"errors +connect: 1", text)
    assert re.search(r"slowest hosts +127\.0\.0\.1:\d+ 1\.\d\d s", text)
    assert "30 pages" in text
    assert "\x1b[?25h" in drawn  # the cursor is back


def test_lines_above_the_display(site: str) -> None:
    status, drawn = in_terminal(f"{site}/bytes/5", f"{site}/slow/0.5")
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn)
    assert status == 0
    assert re.search(r"200 +5 B +[\d.]+ s +http://127.0.0.1:\d+/bytes/5\r\n", text)
    assert "2 pages" in text


def test_no_display_where_nobody_looks(site: str) -> None:
    done = weft(f"{site}/bytes/5")
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    forced = weft("--progress", f"{site}/bytes/5")
    assert forced.returncode == 0


def test_the_summary_and_the_report(site: str, tmp_path: Path) -> None:
    urls = [f"{site}/bytes/{number}" for number in range(20)] + [f"{site}/status/404", "http://127.0.0.1:1/", f"{site}/slow/0.2?<script>"]
    done = weft(*urls, "--report", tmp_path / "report.html")
    assert re.search(r"^200 +21", done.stdout, re.MULTILINE)
    assert re.search(r"total +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+$", done.stdout, re.MULTILINE)
    assert "connect, for example: http://127.0.0.1:1/" in done.stdout
    page = (tmp_path / "report.html").read_text()
    assert page.startswith("<!doctype html>")
    for words in ("waterfall of requests", "requests on their way over time", "histogram of latencies", "<td>127.0.0.1:1</td>"):
        assert words in page
    assert "?<script>" not in page
    assert "http" not in re.sub(r"http://127\.0\.0\.1", "", page)  # it needs nothing from elsewhere
