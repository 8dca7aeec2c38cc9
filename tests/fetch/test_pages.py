"""Pages, one and many, from a server in another process."""

import itertools
import time
from collections.abc import Iterator

import pytest

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
