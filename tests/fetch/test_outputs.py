"""Where pages go, read back by others."""

import base64
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from tests.fetch.command import weft
from warcio.archiveiterator import ArchiveIterator


@pytest.fixture
def urls(site: str) -> list[str]:
    return [f"{site}/bytes/{size}" for size in (0, 10, 70_000, 3_000_000)] + [
        f"{site}/gzip/5000",
        f"{site}/status/404",
        "http://127.0.0.1:1/",
    ]


SIZES = [0, 10, 70_000, 3_000_000, 5000]


def test_files(urls: list[str], site: str, tmp_path: Path) -> None:
    done = weft(*urls, "-o", tmp_path / "pages", "-o", tmp_path / "pages.jsonl")
    assert done.returncode == 1, done.stderr
    found = {str(path.relative_to(tmp_path / "pages")): path.stat().st_size for path in (tmp_path / "pages").rglob("*") if path.is_file()}
    host = site.partition("://")[2].replace(":", "+") + "+http"
    assert {name.rpartition("/")[0] for name in found} == {f"{host}/bytes", f"{host}/gzip"}
    assert sorted(found.values()) == sorted(SIZES)
    assert {len(row.get("body", "")) for row in map(json.loads, (tmp_path / "pages.jsonl").read_text().splitlines())} == {*SIZES, 6}
    assert not list(tmp_path.rglob(".weft-*"))


def test_json_lines(urls: list[str], tmp_path: Path) -> None:
    weft(*urls, "-o", tmp_path / "pages.jsonl", "--extract", r"re:^\.{3}")
    rows = {row["url"]: row for row in map(json.loads, (tmp_path / "pages.jsonl").read_text().splitlines())}
    assert set(rows) == set(urls)
    first = rows[urls[2]]
    assert (first["status"], first["size"], len(first["body"]), first["error"]) == (200, 70_000, 70_000, None)
    assert first["extracted"] == {r"re:^\.{3}": ["..."]}
    assert ["content-length", "70000"] in first["headers"]
    assert 0 < first["timing"]["first_byte"] <= first["timing"]["total"]
    assert (rows[urls[-1]]["error"], rows[urls[-2]]["status"]) == ("connect", 404)
    weft(*urls[:1], "-o", tmp_path / "few.jsonl", "--no-bodies")
    assert "body" not in json.loads((tmp_path / "few.jsonl").read_text())


@pytest.mark.parametrize("name", ["pages.warc", "pages.warc.gz"])
def test_warc(urls: list[str], tmp_path: Path, name: str) -> None:
    weft(*urls, "-o", tmp_path / name)
    found = {}
    with (tmp_path / name).open("rb") as file:
        for record in ArchiveIterator(file, check_digests="raise"):
            if record.rec_type == "response":
                found[record.rec_headers.get_header("WARC-Target-URI")] = len(record.content_stream().read())
                assert record.http_headers.get_statuscode() in ("200", "404")
                assert record.rec_headers.get_header("WARC-IP-Address") == "127.0.0.1"
    assert set(found) == set(urls[:-1])
    assert [found[url] for url in urls[:5]] == SIZES


def test_sqlite(urls: list[str], tmp_path: Path) -> None:
    weft(*urls, "-o", tmp_path / "pages.db")
    with closing(sqlite3.connect(tmp_path / "pages.db")) as database:
        rows = {
            url: (status, size, body, error)
            for url, status, size, body, error in database.execute("SELECT url, status, size, body, error FROM pages")
        }
    assert set(rows) == set(urls)
    assert rows[urls[1]] == (200, 10, b"." * 10, None)
    assert rows[urls[-1]][3] == "connect"


def test_parquet(urls: list[str], tmp_path: Path) -> None:
    weft(*urls, "-o", tmp_path / "pages.parquet")
    rows = {row["url"]: row for row in pyarrow.parquet.read_table(tmp_path / "pages.parquet").to_pylist()}
    assert set(rows) == set(urls)
    assert [len(rows[url]["body"]) for url in urls[:5]] == SIZES


def test_standard_output(site: str) -> None:
    done = weft(f"{site}/bytes/5", f"{site}/bytes/7", "-o", "-")
    assert done.stdout == "." * 12
    assert "2 pages" in done.stderr
    done = weft(f"{site}/bytes/5", "--format", r"{status}\t{size}\t{seconds:.3f}\t{url}")
    assert done.stdout.split("\t")[:2] == ["200", "5"]
    assert json.loads(weft(f"{site}/bytes/5", "--json").stdout)["size"] == 5
    assert "--format" in weft(f"{site}/bytes/5", "--format", "{nonsense}").stderr


def test_extract(tmp_path: Path, run_python: Any) -> None:
    from weft.fetch.extract import extractor
    from weft.fetch.page import Page

    text = (
        '<title> A \n title</title><base href="/b/"><a href="x#y">1</a><a href="x">2</a><a href="mailto:me">3</a><p class=k data-v=1>é</p>'
    )
    page = Page(
        "http://h/",
        "http://h/",
        200,
        1,
        text.encode("latin-1"),
        b"HTTP/1.1 200\r\nContent-Type: text/html; charset=latin-1\r\n",
        (0.0,) * 5,
    )  # type: ignore[arg-type]
    wishes = {"title": ["A title"], "links": ["http://h/b/x"], "css:p.k": ["é"], "css:p@data-v": ["1"], "re:class=(.)": ["k"]}
    assert {wish: extractor(wish)[1](page) for wish in wishes} == wishes
    for wish in ("css:", "re:(", "none"):
        with pytest.raises(ValueError, match="--extract"):
            extractor(wish)


def test_a_binary_body_in_json(site: str) -> None:
    from weft.fetch.page import Page
    from weft.fetch.record import inline

    page = Page("u", "u", 200, 2, b"\xff\x00", b"", (0.0,) * 5)  # type: ignore[arg-type]
    assert base64.b64decode(inline(page)["body_base64"]) == b"\xff\x00"


def test_a_full_disk_is_said_and_the_state_is_intact(site: str, tmp_path: Path) -> None:
    (tmp_path / "full.jsonl").symlink_to("/dev/full")
    done = weft(f"{site}/bytes/5", "-o", tmp_path / "full.jsonl", "--state", tmp_path / "run.db")
    assert (done.returncode, "No space left on device" in done.stderr, "run it again" in done.stderr) == (1, True, True), done.stderr
    (tmp_path / "full.jsonl").unlink()
    done = weft(f"{site}/bytes/5", "-o", tmp_path / "full.jsonl", "--state", tmp_path / "run.db")
    assert done.returncode == 0, done.stderr
    assert len((tmp_path / "full.jsonl").read_text().splitlines()) == 1


def test_a_missing_extra_is_named(site: str, tmp_path: Path) -> None:
    (tmp_path / "pyarrow.py").write_text("raise ImportError")
    import os

    done = weft(f"{site}/bytes/5", "-o", tmp_path / "x.parquet", env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert "pip install 'weft[parquet]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_orders_for_the_terminal(site: str) -> None:
    url = f"{site}/bytes/5?\x1b[31m"
    for words in ([], ["--format", "{url} {reason}"], [*["http://127.0.0.1:1/"] * 10]):
        done = weft(url, *words)
        assert "\N{REPLACEMENT CHARACTER}[31m" in done.stdout
        assert "\x1b" not in done.stdout + done.stderr


def test_a_long_sitemap_is_held(site: str, tmp_path: Path) -> None:
    done = weft("-i", f"{site}/sitemap.xml", "-o", tmp_path / "pages", "-c", "5000", "--format", "{size}")
    assert done.stdout.split() == ["7"], done.stderr
