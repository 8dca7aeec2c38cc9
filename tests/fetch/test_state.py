"""Killed at any moment and started again, a run goes on: every page once."""

import gzip
import json
import os
import random
import signal
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pyarrow.parquet
import pytest
from tests.fetch.command import command, weft
from warcio.archiveiterator import ArchiveIterator


def contents(folder: Path) -> dict[str, list[str]]:
    """The addresses in every output."""
    found = {"jsonl": [json.loads(line)["url"] for line in (folder / "pages.jsonl").read_text().splitlines()]}
    with (folder / "pages.warc.gz").open("rb") as file:
        records = [record.rec_headers.get_header("WARC-Target-URI") for record in ArchiveIterator(file, check_digests="raise")]
    found["warc"] = [url for url in records if url]
    gzip.decompress((folder / "pages.warc.gz").read_bytes())
    found["parquet"] = pyarrow.parquet.read_table(folder / "pages.parquet")["url"].to_pylist()
    with closing(sqlite3.connect(folder / "pages.db")) as database:
        found["sqlite"] = [url for (url,) in database.execute("SELECT url FROM pages")]
    with closing(sqlite3.connect(folder / "run.db")) as database:
        found["state"] = [url for (url,) in database.execute("SELECT url FROM pages")]
    return found


@pytest.mark.parametrize(("kills", "count"), [(4, 500), pytest.param(50, 5000, marks=[pytest.mark.slow, pytest.mark.timeout(400)])])
def test_killed_at_random_moments(site: str, tmp_path: Path, kills: int, count: int) -> None:
    urls = [f"{site}/bytes/{100 + number}" for number in range(count)]
    (tmp_path / "urls").write_text("\n".join(urls))
    outputs = [word for name in ("pages.jsonl", "pages.warc.gz", "pages.parquet", "pages.db") for word in ("-o", tmp_path / name)]
    words = command("-i", tmp_path / "urls", "-c", "20", "--rate", "1000", "--state", tmp_path / "run.db", *outputs, "-q")
    moments = random.Random(kills)
    for _ in range(kills):
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            time.sleep(moments.uniform(0.2, 0.6 + 0.02 * kills / 50))
            process.send_signal(signal.SIGKILL)
            _, errors = process.communicate(timeout=30)
        assert b"Error" not in errors, errors.decode()
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    for name, found in contents(tmp_path).items():
        assert sorted(found) == sorted(urls), name


def test_what_is_done_is_not_fetched_again(site: str, tmp_path: Path) -> None:
    urls = [f"{site}/bytes/1", f"{site}/bytes/2", f"{site}/bytes/2", f"{site}/status/500", "http://127.0.0.1:1/"]
    words = [*urls, "--state", tmp_path / "run.db", "-o", tmp_path / "pages.jsonl"]
    assert weft(*words).returncode == 1
    again = weft(*words)
    assert "0 pages" in again.stdout
    assert "5 were done before" in again.stdout
    assert len((tmp_path / "pages.jsonl").read_text().splitlines()) == 4
    failed = weft("--state", tmp_path / "run.db", "--retry-failed", "-o", tmp_path / "pages.jsonl")
    assert "1 pages" in failed.stdout
    assert "2 failed" in failed.stdout
    assert "need" in weft(f"{site}/bytes/1", "--retry-failed").stderr


def test_one_run_at_a_time(site: str, tmp_path: Path) -> None:
    words = command(f"{site}/slow/5", "--state", tmp_path / "run.db")
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as first:
        end = time.monotonic() + 20
        while not (tmp_path / "run.db").exists() and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(0.3)
        second = weft(f"{site}/bytes/1", "--state", tmp_path / "run.db")
        first.kill()
    assert "in use by another weft fetch" in second.stderr
    (tmp_path / "no.db").write_text("nonsense " * 1000)
    assert "not a state" in weft(f"{site}/bytes/1", "--state", tmp_path / "no.db").stderr


def test_only_what_has_changed(site: str, tmp_path: Path) -> None:
    words = [f"{site}/etag/a", f"{site}/bytes/3", "--state", tmp_path / "run.db"]
    assert "2 pages" in weft(*words).stdout
    again = weft(*words, "--refresh")
    assert "   304            0 B" in again.stdout
    assert "2 pages, 3 bytes" in again.stdout
    assert "   304            0 B" in weft("--state", tmp_path / "run.db", "--refresh").stdout


def test_ctrl_c_lets_what_is_on_its_way_come_in(site: str, tmp_path: Path) -> None:
    urls = [f"{site}/slow/1.5?{number}" for number in range(10)]
    words = command(*urls, "-c", "3", "--state", tmp_path / "run.db", "-o", tmp_path / "pages.jsonl")
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as process:
        time.sleep(1.2)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "3 on their way" in errors
    assert "3 pages" in output
    assert len((tmp_path / "pages.jsonl").read_text().splitlines()) == 3
    done = weft(*urls, "-c", "10", "--state", tmp_path / "run.db", "-o", tmp_path / "pages.jsonl")
    assert done.returncode == 0
    assert sorted(json.loads(line)["url"] for line in (tmp_path / "pages.jsonl").read_text().splitlines()) == sorted(urls)
