"""A plain threaded program that fetches pages: `LIBRARY ADDRESS COUNT`; prints the bytes, the seconds, and those of CPU.

With requests each thread has a session; with urllib3 all share one pool of connections.
"""

import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


def by_requests() -> Callable[[str], int]:
    import requests

    own = threading.local()

    def get(url: str) -> int:
        if not hasattr(own, "session"):
            own.session = requests.Session()
        answer = own.session.get(url)
        answer.raise_for_status()
        return len(answer.content)

    return get


def by_urllib3() -> Callable[[str], int]:
    import urllib3

    manager = urllib3.PoolManager(maxsize=200, block=True)

    def get(url: str) -> int:
        answer = manager.request("GET", url)
        assert answer.status == 200
        return len(answer.data)

    return get


library, address, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
get = {"requests": by_requests, "urllib3": by_urllib3}[library]()
wall, cpu = time.perf_counter(), time.process_time()
with ThreadPoolExecutor(200) as pool:
    size = sum(pool.map(get, [f"{address}/page-{number}.html" for number in range(count)]))
print(size, time.perf_counter() - wall, time.process_time() - cpu)
