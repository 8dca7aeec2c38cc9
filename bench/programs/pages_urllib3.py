"""A threaded program that fetches pages with urllib3, one pool of connections: `ADDRESS COUNT`; prints bytes, seconds, CPU seconds."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

import urllib3

manager = urllib3.PoolManager(maxsize=200, block=True)


def get(url: str) -> int:
    answer = manager.request("GET", url)
    assert answer.status == 200
    return len(answer.data)


address, count = sys.argv[1], int(sys.argv[2])
wall, cpu = time.perf_counter(), time.process_time()
with ThreadPoolExecutor(200) as pool:
    size = sum(pool.map(get, [f"{address}/page-{number}.html" for number in range(count)]))
print(size, time.perf_counter() - wall, time.process_time() - cpu)
