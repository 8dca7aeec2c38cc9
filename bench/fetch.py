"""The page fetch: 10,000 distinct URLs at 200 connections, the fetcher on one processor, nginx on the other.

Every body is received, and its bytes are counted. What is measured is the fetch, without the start of the process. Beside pages a second:
the microseconds of CPU that a page costs the fetcher.
"""

import importlib
import resource
import time

from bench.origin import DELAY, origin
from bench.work import Figure, Row, Work, pin, scale

PEERS = ("weft", "limit", "pycurl", "curl", "wget2", "aiohttp", "gevent", "httpx")
COUNTS = (10_000, 10_000, 10_000, 30_000)
FEWER = {"httpx": 10, "gevent": 2, "aiohttp": 2}  # fewer pages are enough for them
CONNECTIONS = 200


def measure(peer: str, variant: int) -> tuple[float, float]:
    """Pages a second, and CPU microseconds a page."""
    if peer == "limit":
        return (CONNECTIONS / DELAY, 0.0) if variant == 3 else (float("nan"), float("nan"))
    fetch = importlib.import_module(f"bench.fetchers.{peer}_fetcher").fetch
    count = scale(COUNTS[variant] // FEWER.get(peer, 1))
    with origin(slow=variant == 3) as servers:
        address = (
            f"https://localhost:{servers.tls}" if variant == 2 else f"http://127.0.0.1:{servers.slow if variant == 3 else servers.plain}"
        )
        size = 50 if variant == 1 else 4
        urls = [f"{address}/{size}/page-{number}.html" for number in range(count)]
        pin(0)
        certificate = str(servers.certificate)
        spent, began = cpu(), time.perf_counter()
        received = fetch(urls, certificate)
        seconds, spent = time.perf_counter() - began, cpu() - spent
    assert received == count * size * 1024, f"{received:,} bytes of {count} pages of {size} KB"
    return count / seconds, spent / count * 1e6


def cpu() -> float:
    """Seconds of CPU, of this process and of those that it ran."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def row(title: str, goals: dict[str, float], without: tuple[str, ...] = ("limit",)) -> Row:
    return Row(title, (Figure("pages/s", goals, more=True), Figure("µs of CPU")), without)


WORK = Work(
    "page fetch",
    {peer: lambda variant, peer=peer: measure(peer, variant) for peer in PEERS},  # type: ignore[misc]
    (
        row("4 KB clear", {"curl": 1.0, "wget2": 1.0, "aiohttp": 3, "gevent": 5, "httpx": 40}),
        row("50 KB clear", {}),
        row("4 KB, TLS, HTTP/2 where offered", {"curl": 1.5, "wget2": 2.0}),
        row("4 KB after 100 ms", {"limit": 0.97}, ()),
    ),
    needs=("nginx",),
)

if __name__ == "__main__":
    WORK.main()
