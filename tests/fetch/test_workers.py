"""Several processes, one stream."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.fetch.command import command, weft


def two(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    return weft("-w", "2", *words)


def test_results_come_in_one_stream(site: str, secure_site: str, tmp_path: Path) -> None:
    urls = [f"{host}/bytes/{number}" for number in range(300) for host in (site, site.replace("127.0.0.1", "localhost"), secure_site)]
    (tmp_path / "urls").write_text("\n".join([*urls, "nonsense"]))
    done = two("-i", tmp_path / "urls", "-o", tmp_path / "pages.jsonl", "--state", tmp_path / "run.db", "-k")
    rows = [json.loads(line) for line in (tmp_path / "pages.jsonl").read_text().splitlines()]
    assert sorted(row["url"] for row in rows) == sorted([*urls, "nonsense"])
    assert all(len(row["body"]) == row["size"] for row in rows if row["status"])
    assert (done.returncode, "1 failed" in done.stdout) == (1, True)
    assert "901 were done before" in two("-i", tmp_path / "urls", "--state", tmp_path / "run.db").stdout


def test_only_what_has_changed(site: str, tmp_path: Path) -> None:
    words = [f"{site}/etag/a", "--state", tmp_path / "run.db"]
    assert "   200 " in two(*words).stdout
    assert "   304 " in two(*words, "--refresh").stdout


def test_a_long_body_comes_by_a_file(site: str, tmp_path: Path) -> None:
    two(f"{site}/bytes/9000000", "-o", tmp_path / "pages")
    assert [path.stat().st_size for path in (tmp_path / "pages").rglob("*") if path.is_file()] == [9_000_000]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_is_left(site: str, number: signal.Signals) -> None:
    words = command("-w", "2", *[f"{site}/slow/20?{number}" for number in range(4)])
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        end = time.monotonic() + 20
        while len(workers := children.read_text().split()) < 2 and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(0.7)
        process.send_signal(number)
        time.sleep(0.3)
        if number == signal.SIGINT:
            process.send_signal(number)
        process.wait(20)
        while any(alive(int(worker)) for worker in workers) and time.monotonic() < end:
            time.sleep(0.05)
        assert len(workers) == 2
        assert not any(alive(int(worker)) for worker in workers)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_worker_that_dies_is_said(site: str) -> None:
    words = command("-w", "2", f"{site}/slow/20")
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while len(workers := children.read_text().split()) < 2:
            time.sleep(0.05)
        time.sleep(0.5)
        for worker in workers:
            os.kill(int(worker), signal.SIGKILL)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "died" in errors
    assert "Traceback" not in errors
