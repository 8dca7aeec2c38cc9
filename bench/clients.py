"""Unmodified requests and urllib3 in a plain threaded program: 10,000 pages of 4 KB of nginx, 200 at once, under each way to run it."""

import subprocess

from bench.origin import origin
from bench.runners import RUNNERS, unmodified
from bench.work import Figure, Row, Work, pin, scale

PAGES = 10_000
LIBRARIES = ("requests", "urllib3")
NOTE = (
    "Where the rest goes (`perf record`, 3.13, 20,000 pages): with requests 84 % of weft's time is the interpreter's, running the "
    "library's own Python, 7 % the kernel's, 3 % libc's, 2 % greenlet's switches, and less than 1 % that of scheduler, locks and "
    "sockets together; gevent 82, 7, 3, 2 and 2 %; threads 74 % the interpreter's and 17 % the kernel's, which switches them. With"
    " urllib3 alone: 76 % the interpreter's, 11 % the kernel's, 4 % greenlet's."
)


def measure(peer: str, row: int) -> tuple[float, float]:
    """Pages a second, and CPU microseconds a page."""
    count = scale(PAGES)
    with origin() as servers:
        command = [*unmodified(peer, "pages.py"), LIBRARIES[row], f"http://127.0.0.1:{servers.plain}/4", str(count)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=lambda: pin(0))
    size, seconds, spent = map(float, done.stdout.split())
    assert size == count * 4096, done.stdout
    return count / seconds, spent / count * 1e6


WORK = Work(
    "pages by the libraries that people use",
    {peer: lambda row, peer=peer: measure(peer, row) for peer in RUNNERS},  # type: ignore[misc]
    tuple(
        Row(f"{name}, 200 at once", (Figure("pages/s", more=True), Figure("µs of CPU", {"gevent": 1, "threads": 1}))) for name in LIBRARIES
    ),
    needs=("nginx",),
    note=NOTE,
)

if __name__ == "__main__":
    WORK.main()
