"""An API client that sends at most so many requests a second, however many tasks want to.

python examples/rate_limited.py http://localhost:8000/item/{} --items 20 --rate 10
"""

from weft import monkey

monkey.patch_all()

import argparse
import threading
import time
import urllib.request

import weft


class RateLimit:
    """At most `rate` entries a second, evenly spread: ``with limit: ...``."""

    def __init__(self, rate: float) -> None:
        self.pause = 1 / rate
        self.next = time.monotonic()
        self.lock = threading.Lock()

    def __enter__(self) -> None:
        with self.lock:  # first come, first served
            time.sleep(max(self.next - time.monotonic(), 0))
            self.next = time.monotonic() + self.pause

    def __exit__(self, *_: object) -> None:
        pass


def call(url: str, limit: RateLimit) -> int:
    """One request; its status."""
    with limit:
        pass
    with urllib.request.urlopen(url, timeout=30) as answer:
        answer.read()
        return int(answer.status)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="An API client that keeps to a rate.")
    parser.add_argument("url", metavar="URL", help="with {} for the item's number")
    parser.add_argument("--items", type=int, default=20)
    parser.add_argument("--rate", type=float, default=10, help="requests a second (default 10)")
    options = parser.parse_args()
    limit = RateLimit(options.rate)
    began = time.monotonic()
    statuses = list(weft.map(lambda number: call(options.url.format(number), limit), range(options.items)))
    seconds = time.monotonic() - began
    print(f"{statuses.count(200)} of {len(statuses)} answered in {seconds:.2f} s: {len(statuses) / seconds:.1f} a second")
