"""The client of programs."""

import gc

import pytest

import weft
from weft.fetch import Client, Fetcher, FetchError, Options, Page


def test_connections_and_cookies_are_kept(site: str) -> None:
    seen: list[Page | FetchError] = []
    with Client(concurrency=3, before=lambda url: [f"X-For: {url[-1]}"], after=seen.append, cookies=True) as client:
        first = client.get(f"{site}/cookie/a")
        second = client.get(f"{site}/echo")
        assert first.timing.connect > 0
        assert second.timing.connect == 0  # the same connection
        assert "Cookie: a=1" in second.body.decode()
        assert "X-For: o" in second.body.decode()
        tasks = [weft.spawn(client.get, f"{site}/bytes/{number}") for number in range(10)]
        assert [task.result().size for task in tasks] == list(range(10))
        assert {page.size for page in client.fetch_all(f"{site}/bytes/{number}" for number in range(5)) if isinstance(page, Page)} == set(
            range(5)
        )
        with pytest.raises(FetchError):
            client.get("http://127.0.0.1:1/")
    assert len(seen) == 18
    assert isinstance(seen[-1], FetchError)
    with pytest.raises(ValueError, match="closed"):
        client.get(site)


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="concurrency"):
        Client(concurrency=0)
    with pytest.raises(TypeError, match="nonsense"):
        Client(nonsense=1)
    with pytest.raises(ValueError, match="public_only"):
        Client(public_only=True, proxy="http://localhost")


def test_closed_while_pages_are_on_their_way(site: str) -> None:
    fetcher = Fetcher(Options(), 10)
    results = fetcher.fetch_all((f"{site}/slow/0.5?{number}" for number in range(50)), 10)
    tasks = [weft.spawn(fetcher.attempt, f"{site}/slow/5") for _ in range(3)]
    assert isinstance(next(results), Page)
    fetcher.close()
    assert isinstance(tasks[0].result(), FetchError)
    with pytest.raises(ValueError, match="closed"):
        list(results)
    fetcher.close()  # twice does no harm
    del results, fetcher
    gc.collect()
