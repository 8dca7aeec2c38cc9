"""``weft fetch``: pages at once."""

import os
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import chain

import click

import weft
from weft.cli.table import Tally, bars
from weft.fetch.pages import Fetcher, Options

__all__ = ["command"]

INTERRUPTED = 130  # as a shell says it of a program that Ctrl-C ended


@click.command()
@click.argument("urls", nargs=-1, metavar="[URL]...")
@click.option("-i", "--input", "path", metavar="FILE", help="Read URLs from FILE, one a line; - is standard input.")
@click.option("-c", "--concurrency", type=click.IntRange(1), default=100, show_default=True, help="At most so many pages at once.")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), default=60.0, show_default=True, help="Seconds for a page.")
@click.option(
    "--cacert", type=click.Path(exists=True, dir_okay=False), help="PEM file of the authorities to trust, instead of the system's."
)
@click.option("--insecure", is_flag=True, help="Do not check certificates.")
@click.option("-q", "--quiet", is_flag=True, help="Print the totals alone.")
@click.option("--compare", is_flag=True, help="Fetch one by one first, then at once; print both times, the gain, and the limit.")
def command(
    urls: tuple[str, ...],
    path: str | None,
    concurrency: int,
    timeout: float,
    cacert: str | None,
    insecure: bool,
    quiet: bool,
    compare: bool,
) -> int:
    """Fetch pages at once, each in a task of its own.

    Prints a line a page as it comes: status, bytes, seconds, URL. Ends with 1 if a page failed or had a status of 400 or more.

    \b
    weft fetch https://www.python.org/ https://github.com/
    weft fetch --compare https://www.python.org/ https://github.com/
    weft fetch -i urls.txt -c 500 --timeout 10 --quiet
    cut -f1 sites.tsv | weft fetch -
    """
    if not urls and path is None:
        raise click.UsageError("name a URL, or a file of them with -i")
    words = chain.from_iterable(lines("-") if url == "-" else [url] for url in urls)
    source = chain(words, lines(path) if path is not None else ())
    options = Options(timeout, cacert, insecure, keep=False)
    if compare:
        return compared(list(source), options, concurrency, quiet)
    _, tally = fetched(source, options, concurrency, quiet)
    return 1 if tally.failed else 0


def fetched(urls: Iterable[str], options: Options, concurrency: int, quiet: bool) -> tuple[float, Tally]:
    """Fetch and print; the time it took, and what came. Ctrl-C prints the totals so far and ends the program."""
    tally = Tally(quiet)
    began = time.perf_counter()
    try:
        with Fetcher(options, concurrency) as fetcher:
            for result in fetcher.fetch_all(urls, concurrency):
                tally.add(result)
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        tally.totals(time.perf_counter() - began)
        sys.exit(INTERRUPTED)
    seconds = time.perf_counter() - began
    tally.totals(seconds)
    return seconds, tally


def compared(urls: list[str], options: Options, concurrency: int, quiet: bool) -> int:
    """The seed's comparison: one by one, then at once."""
    click.secho(f"one by one: {len(urls):,} pages", bold=True)
    one_by_one, first = fetched(urls, options, 1, quiet)
    click.secho(f"at once: {len(urls):,} pages, at most {concurrency} at a time", bold=True)
    at_once, second = fetched(urls, options, concurrency, quiet)
    bars(one_by_one, at_once, second.slowest)
    return 1 if first.failed or second.failed else 0


def lines(path: str) -> Iterator[str]:
    """The URLs in a file, or on standard input (-), as they come; empty lines and those that begin with # are passed over."""
    try:
        number = os.dup(0) if path == "-" else os.open(path, os.O_RDONLY)
    except OSError as error:
        raise click.FileError(path, error.strerror or str(error)) from None
    rest = b""
    try:
        while True:
            weft.wait_readable(number)
            chunk = os.read(number, 65536)
            *whole, rest = (rest + chunk).split(b"\n")
            if not chunk:
                whole, rest = [rest], b""
            for line in whole:
                text = line.decode("utf-8", "replace").strip()
                if text and not text.startswith("#"):
                    yield text
            if not chunk:
                return
    except OSError as error:
        raise click.FileError(path, error.strerror or str(error)) from None
    finally:
        os.close(number)
