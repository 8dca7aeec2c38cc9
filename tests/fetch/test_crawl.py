"""Crawls, and their manners."""

import json
import subprocess
import time
from pathlib import Path

import pytest
from tests.fetch import command

import weft
from weft import fetch
from weft.fetch import manners


def crawl(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    return command.weft("--crawl", *words)


def test_a_crawl_goes_as_deep_as_it_may(site: str, tmp_path: Path) -> None:
    done = crawl(f"{site}/web/1", "--depth", "3", "-o", tmp_path / "pages.jsonl", "--extract", "title")
    assert done.returncode == 1, done.stderr  # the secret
    rows = {row["url"].rpartition("/")[2]: row for row in map(json.loads, (tmp_path / "pages.jsonl").read_text().splitlines())}
    assert set(rows) == {str(number) for number in range(1, 16)} | {"secret"}
    assert rows["secret"]["error"] == "robots"
    assert rows["9"]["extracted"] == {"title": ["Page 9"]}
    done = crawl(f"{site}/web/1", "--depth", "1", "--no-robots", "--quiet")
    assert "4 pages" in done.stdout  # 1, 2, 3, secret


def test_a_crawl_goes_on_where_it_was_stopped(site: str, tmp_path: Path) -> None:
    words = [f"{site}/web/1", "--no-robots", "--state", tmp_path / "run.db", "-q"]
    assert "4 pages" in crawl(*words, "--depth", "1").stdout
    rest = crawl(*words, "--depth", "1")
    assert "0 pages" in rest.stdout


def test_robots_for_a_list(site: str) -> None:
    pages = list(fetch.fetch_all([f"{site}/web/1", f"{site}/web/secret/x"], robots=True))
    assert sorted(page.kind if isinstance(page, fetch.FetchError) else str(page.status) for page in pages) == ["200", "robots"]


def test_a_host_whose_robots_file_cannot_be_read() -> None:
    errors = list(fetch.fetch_all(["http://127.0.0.1:1/a", "http://127.0.0.1:1/b"], robots=True))
    assert [(error.kind, "robots.txt" in error.reason) for error in errors if isinstance(error, fetch.FetchError)] == [
        ("connect", True)
    ] * 2


def test_crawl_delay_is_kept(site: str) -> None:
    began = time.monotonic()
    assert len(list(fetch.fetch_all([f"{site}/web/{number}" for number in range(1, 31)], robots=True))) == 30
    assert time.monotonic() - began >= 0.29


def test_no_robots_file_where_there_is_none(secure_site: str) -> None:
    assert fetch.get(f"{secure_site}/web/1", robots=True, insecure=True).ok


def test_a_host_that_is_down_is_left_alone(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manners, "REST", 0.3)
    with fetch.Fetcher(fetch.Options(breaker=3)) as fetcher:
        results = [fetcher.attempt("http://127.0.0.1:1/") for _ in range(5)]
        assert [result.kind for result in results if isinstance(result, fetch.FetchError)] == ["connect"] * 3 + ["down"] * 2
        assert fetcher.fetch(f"{site}/bytes/1").ok
        weft.sleep(0.4)
        assert getattr(fetcher.attempt("http://127.0.0.1:1/"), "kind", "") == "connect"
        assert getattr(fetcher.attempt("http://127.0.0.1:1/"), "kind", "") == "down"


def test_private_addresses_can_be_forbidden(site: str) -> None:
    for url in (
        site,
        site.replace("127.0.0.1", "localhost"),
        "http://[::1]:1/",
        "http://0x7f.1/",
        "http://2130706433/",
        "http://[::ffff:10.0.0.1]/",
    ):
        with pytest.raises(fetch.FetchError) as caught:
            fetch.get(url, public_only=True, timeout=5)
        assert caught.value.kind == "forbidden", (url, caught.value)
    with pytest.raises(fetch.FetchError) as caught:  # whatever a name resolves to
        fetch.get("http://rebound.example:80/", public_only=True, resolve=("rebound.example:80:192.168.0.1",), timeout=5)
    assert caught.value.kind == "forbidden"


def test_adaptive_concurrency(site: str) -> None:
    with fetch.Fetcher(connections=200, adaptive=True) as fetcher:
        pages = list(fetcher.fetch_all([f"{site}/slow/0.05?{number}" for number in range(400)], 200))
        assert all(isinstance(page, fetch.Page) for page in pages)
        assert fetcher.limit is not None
        assert fetcher.limit.limit > 8
    done = command.weft("-c", "auto", "-q", f"{site}/bytes/1")
    assert "1 pages" in done.stdout
