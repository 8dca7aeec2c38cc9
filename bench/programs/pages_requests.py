"""A plain threaded program that fetches pages with requests, a session a thread: `ADDRESS COUNT`; prints bytes, seconds, CPU seconds."""

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import requests

own = threading.local()


def get(url: str) -> int:
    if not hasattr(own, "session"):
        own.session = requests.Session()
    answer = own.session.get(url)
    answer.raise_for_status()
    return len(answer.content)


address, count = sys.argv[1], int(sys.argv[2])
wall, cpu = time.perf_counter(), time.process_time()
with ThreadPoolExecutor(200) as pool:
    size = sum(pool.map(get, [f"{address}/page-{number}.html" for number in range(count)]))
print(size, time.perf_counter() - wall, time.process_time() - cpu)
