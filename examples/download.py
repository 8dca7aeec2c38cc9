"""Download pages at once.

python examples/download.py https://www.python.org/ https://github.com/
"""

from weft import monkey

monkey.patch_all()

import argparse
import time
import urllib.error
import urllib.request

import weft


def fetch(url: str) -> str:
    """What became of one page."""
    began = time.monotonic()
    try:
        with weft.timeout(30), urllib.request.urlopen(url) as page:
            return f"{len(page.read()):>10,} bytes in {time.monotonic() - began:.2f} s  {url}"
    except urllib.error.HTTPError as error:
        with error:  # it is a page, too
            return f"{error}  {url}"
    except (OSError, ValueError) as error:
        return f"{error}  {url}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Download pages at once.")
    parser.add_argument("urls", nargs="+", metavar="URL")
    parser.add_argument("-n", type=int, default=100, help="how many at a time (default 100)")
    options = parser.parse_args()
    for line in weft.map(fetch, options.urls, concurrency=options.n, ordered=False):
        print(line, flush=True)
