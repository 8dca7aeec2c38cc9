"""Crawl a site: every page that can be reached from the first, a few at a time.

python examples/crawler.py http://localhost:8000/
"""

from weft import monkey

monkey.patch_all()

import argparse
import urllib.error
import urllib.request
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

import weft


class Links(HTMLParser):
    """The addresses that a page links to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attributes if tag == "a" and name == "href" and value]


def crawl(first: str, at_once: int) -> dict[str, str]:
    """Each page's address, and what became of it."""
    pages: dict[str, str] = {}
    limit = weft.CapacityLimiter(at_once)

    def visit(url: str) -> None:
        with limit:
            try:
                with weft.timeout(30), urllib.request.urlopen(url) as page:
                    text = page.read().decode(errors="replace")
            except urllib.error.HTTPError as error:
                with error:  # it is a page, too
                    pages[url] = str(error)
                return
            except OSError as error:
                pages[url] = str(error)
                return
        pages[url] = f"{len(text):,} characters"
        links = Links()
        links.feed(text)
        for link in links.found:
            reach(urldefrag(urljoin(url, link)).url)

    def reach(url: str) -> None:
        if url not in pages and urlsplit(url).netloc == urlsplit(first).netloc:
            pages[url] = "under way"
            group.spawn(visit, url)

    with weft.TaskGroup() as group:
        reach(first)
    return pages


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Crawl a site.")
    parser.add_argument("url", metavar="URL")
    parser.add_argument("-n", type=int, default=10, help="pages at a time (default 10)")
    options = parser.parse_args()
    found = crawl(options.url, options.n)
    for url, outcome in sorted(found.items()):
        print(f"{outcome:>20}  {url}")
    print(f"{len(found)} pages")
