"""Pages, one and many, from a server in another process."""

import gc
import itertools
import os
import time
from collections.abc import Iterator

import pytest
from tests.fetch import hostile

import weft
from weft import fetch
from weft.demo.certificate import Certificate


def test_a_page(site: str) -> None:
    page = fetch.get(f"{site}/bytes/5000")
    assert (page.status, page.size, page.body, page.ok) == (200, 5000, b"." * 5000, True)
    assert page.url == page.final_url == f"{site}/bytes/5000"
    assert 0 < page.seconds < 10


def test_pages_at_once(site: str) -> None:
    began = time.monotonic()
    pages = list(fetch.fetch_all([f"{site}/slow/0.3"] * 50))
    assert [page.status for page in pages if isinstance(page, fetch.Page)] == [200] * 50
    assert time.monotonic() - began < 5  # one by one: 15


def test_other_tasks_run_meanwhile(site: str) -> None:
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        while True:
            weft.sleep(0.01)
            ticks += 1

    ticker = weft.spawn(tick)
    fetch.get(f"{site}/slow/0.3")
    ticker.cancel()
    ticker.join()
    assert ticks >= 5


def test_no_more_than_asked_at_once_and_input_read_as_there_is_room(site: str) -> None:
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        for number in itertools.count():
            taken += 1
            yield f"{site}/bytes/{number}"

    pages = fetch.fetch_all(endless(), concurrency=5)
    sizes = {page.size for page in itertools.islice(pages, 30) if isinstance(page, fetch.Page)}
    pages.close()  # type: ignore[attr-defined]
    assert len(sizes) == 30
    assert taken <= 50


def test_what_fails_leaves_the_others_unharmed(site: str, secure_site: str) -> None:
    urls = {
        "nonsense": "has no scheme",
        "ftp://localhost/": "only http and https",
        "http://": "names no host",
        "http://localhost:99999/": "not a URL",
        "http://localhost/a b": "space",
        "http://127.0.0.1:1/": "connect",
        "http://nowhere.invalid/": "resolve",
        f"{secure_site}/bytes/1": "certificate not trusted",
        f"{site}/cut": "",
        f"{site}/to/file:///etc/passwd": "",
        f"{site}/loop": "more than 20 redirects",
    }
    results = list(fetch.fetch_all([*urls, f"{site}/bytes/7"]))
    pages = [result for result in results if isinstance(result, fetch.Page)]
    assert [page.size for page in pages] == [7]
    errors = {result.url: result.reason for result in results if isinstance(result, fetch.FetchError)}
    assert {url for url, words in urls.items() if words not in errors[url] or not errors[url]} == set()


def test_a_timeout(site: str) -> None:
    began = time.monotonic()
    with pytest.raises(fetch.FetchError, match=r"timed out after 0\.2 s"):
        fetch.get(f"{site}/slow/30", timeout=0.2)
    assert time.monotonic() - began < 10


def test_an_error_status_is_a_page(site: str) -> None:
    page = fetch.get(f"{site}/status/404")
    assert (page.status, page.ok) == (404, False)


def test_redirects_are_followed_and_compression_undone(site: str) -> None:
    page = fetch.get(f"{site}/to//gzip/100000")
    assert (page.size, page.final_url) == (100000, f"{site}/gzip/100000")


def test_certificates_are_checked(secure_site: str, certificate: Certificate) -> None:
    assert fetch.get(f"{secure_site}/bytes/3", cacert=str(certificate.authority)).body == b"..."
    assert fetch.get(f"{secure_site}/bytes/3", insecure=True).size == 3
    with pytest.raises(fetch.FetchError, match="not trusted"):
        fetch.get(f"{secure_site}/bytes/3")


def test_a_fetch_can_be_cancelled(site: str) -> None:
    task = weft.spawn(fetch.get, f"{site}/slow/30")
    weft.sleep(0.05)
    task.cancel()
    assert task.join(10)
    assert task.cancelled()
    assert fetch.get(f"{site}/bytes/1").size == 1


def test_an_error_of_the_input_reaches_the_caller(site: str) -> None:
    def broken() -> Iterator[str]:
        yield f"{site}/bytes/1"
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        list(fetch.fetch_all(broken()))


def test_concurrency_is_checked() -> None:
    with pytest.raises(ValueError, match="1 or more"):
        fetch.fetch_all([], concurrency=0)


def test_headers_and_timing(site: str) -> None:
    page = fetch.get(f"{site}/to//echo")
    assert page.headers["content-LENGTH"] == str(page.size)
    assert page.headers["X-Twice"] == "1, 2"
    assert page.headers.all("x-twice") == ["1", "2"]
    assert "location" not in page.headers  # that was the redirect's
    assert any(line.startswith(b"Location") for line in page.headers.raw.splitlines())
    assert page.headers.get("missing") is None
    timing = page.timing
    assert 0 <= timing.connect <= timing.first_byte <= timing.total == page.seconds
    assert timing.tls == 0


def test_what_is_sent(site: str) -> None:
    page = fetch.get(
        f"{site}/echo", method="PUT", data=b"body", headers=("X-Test: yes", "Accept: text/x"), user="me:secret", user_agent="me/1"
    )
    lines = page.body.decode().split("\n")
    assert lines[0] == "PUT"
    assert lines[-1] == "body"
    assert {"X-Test: yes", "Accept: text/x", "User-Agent: me/1", "Authorization: Basic bWU6c2VjcmV0"} <= set(lines)
    assert fetch.get(f"{site}/echo", data=b"x").body.startswith(b"POST\n")
    assert fetch.get(f"{site}/bytes/5", method="HEAD").size == 0


def test_a_page_that_is_too_large_even_when_it_is_compressed(site: str) -> None:
    assert fetch.get(f"{site}/bytes/1000", max_size=1000).size == 1000
    for path in ("bytes/1001", "gzip/5000000"):
        with pytest.raises(fetch.FetchError, match="larger than 1,000 bytes"):
            fetch.get(f"{site}/{path}", max_size=1000)


def test_what_may_pass_is_tried_again(site: str) -> None:
    page = fetch.get(f"{site}/flaky/passes/2", retries=2)
    assert (page.status, page.body, page.attempts) == (200, b"3", 3)
    page = fetch.get(f"{site}/flaky/stays/5", retries=1)
    assert (page.status, page.attempts) == (503, 2)
    assert fetch.get(f"{site}/status/404", retries=5).attempts == 1
    with pytest.raises(fetch.FetchError) as caught:
        fetch.get("http://127.0.0.1:1/", retries=1)
    assert caught.value.attempts == 2
    with pytest.raises(fetch.FetchError) as caught:
        fetch.get("http://localhost/a b", retries=5)
    assert caught.value.attempts == 1


def test_the_manners_of_a_host(site: str) -> None:
    began = time.monotonic()
    pages = list(fetch.fetch_all([f"{site}/bytes/1"] * 6, rate=20))
    assert len(pages) == 6
    assert time.monotonic() - began >= 5 / 20
    began = time.monotonic()
    assert len(list(fetch.fetch_all([f"{site}/slow/0.1"] * 6, per_host=2))) == 6
    assert time.monotonic() - began >= 0.3


def test_an_option_that_makes_no_sense() -> None:
    wrong = [{"timeout": 0}, {"retries": -1}, {"http": "9"}, {"headers": ("no colon",)}, {"headers": ("A: b\r\nC: d",)}]
    for options in wrong:
        with pytest.raises(ValueError, match="|".join(options)[:6]):
            fetch.get("http://localhost/", **options)
    with pytest.raises(TypeError, match="unknown"):
        fetch.get("http://localhost/", unknown=1)


def test_pages_of_a_secure_host_at_once(secure_site: str, certificate: Certificate) -> None:
    """It does not speak HTTP/2: each page takes a connection of its own, at once."""
    began = time.monotonic()
    pages = list(fetch.fetch_all([f"{secure_site}/slow/0.3"] * 30, cacert=str(certificate.authority)))
    assert [page.status for page in pages if isinstance(page, fetch.Page)] == [200] * 30
    assert time.monotonic() - began < 5  # one by one: 9


def test_nothing_is_left_of_a_fetch_that_was_cancelled(site: str) -> None:
    def cancelled() -> None:
        task = weft.spawn(fetch.get, f"{site}/slow/1")
        weft.sleep(0.005)
        task.cancel()
        task.join()

    cancelled()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        cancelled()
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before


def test_a_kept_connection_that_is_dead_does_no_harm() -> None:
    with hostile.listening(hostile.answer(hostile.OK + b"Content-Length: 2\r\n\r\nok")) as port:  # says that it keeps it, and closes it
        pages = list(fetch.fetch_all([f"http://127.0.0.1:{port}/{number}" for number in range(500)], concurrency=20))
    assert [page.status for page in pages if isinstance(page, fetch.Page)] == [200] * 500
