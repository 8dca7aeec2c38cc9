"""The seed's page fetch as anybody would write it, with the standard library alone: run under ``weft run``, one by one and then at once.

``weft run -m weft.demo.pages CAFILE URL...`` prints a JSON list a page ([phase, status, bytes, seconds, URL]) and one a phase
([phase, seconds]).
"""

import json
import ssl
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.request import urlopen

context = ssl.create_default_context(cafile=sys.argv[1])
urls = sys.argv[2:]


def wget(phase: str, url: str) -> None:
    """Fetch a page and print what came."""
    began = time.perf_counter()
    with urlopen(url, context=context) as response:
        data = response.read()
    print(json.dumps([phase, response.status, len(data), time.perf_counter() - began, url]), flush=True)


def main() -> None:
    """Both phases."""
    began = time.perf_counter()
    for url in urls:
        wget("one by one", url)
    print(json.dumps(["one by one", time.perf_counter() - began]), flush=True)

    began = time.perf_counter()
    with ThreadPoolExecutor(len(urls)) as executor:
        list(executor.map(wget, ["at once"] * len(urls), urls))
    print(json.dumps(["at once", time.perf_counter() - began]), flush=True)


if __name__ == "__main__":
    main()
