"""``weft fetch``: pages at once."""

import os
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import chain

import click

import weft
from weft.cli.table import Tally, bars
from weft.fetch import Fetcher, Options
from weft.fetch.options import VERSIONS

__all__ = ["command"]

DEFAULT = Options()
INTERRUPTED = 130  # as a shell says it of a program that Ctrl-C ended


@click.command()
@click.argument("urls", nargs=-1, metavar="[URL]...")
@click.option("-i", "--input", "path", metavar="FILE", help="Read URLs from FILE, one a line; - is standard input.")
@click.option("-c", "--concurrency", type=click.IntRange(1), default=100, show_default=True, help="At most so many pages at once.")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), default=DEFAULT.timeout, show_default=True, help="Seconds for a page.")
@click.option(
    "--cacert", type=click.Path(exists=True, dir_okay=False), help="PEM file of the authorities to trust, instead of the system's."
)
@click.option("--insecure", is_flag=True, help="Do not check certificates.")
@click.option("-H", "--header", "headers", multiple=True, metavar="LINE", help='Send a header field, as "Name: value"; may be repeated.')
@click.option("-X", "--request", "method", metavar="METHOD", help="The request's method (default: GET, with --data POST).")
@click.option("-d", "--data", metavar="TEXT", help="The request's body.")
@click.option("-u", "--user", metavar="NAME:PASSWORD", help="Log in to the server.")
@click.option("-A", "--user-agent", default=DEFAULT.user_agent, show_default=True, help="How the requests call themselves.")
@click.option("-x", "--proxy", metavar="URL", help="Go through a proxy: http, https, socks4, socks5 or socks5h.")
@click.option("--http", "version", type=click.Choice(list(VERSIONS)), help="The HTTP version (default: what the server offers).")
@click.option(
    "--connect-timeout",
    type=click.FloatRange(0, min_open=True),
    default=DEFAULT.connect_timeout,
    show_default=True,
    help="Seconds to connect.",
)
@click.option("--max-size", type=click.IntRange(0), default=DEFAULT.max_size, show_default=True, help="Most bytes of a page; 0: no limit.")
@click.option("--retry", "retries", type=click.IntRange(0), default=0, show_default=True, help="Try again so often what may pass.")
@click.option("--per-host", type=click.IntRange(0), default=0, show_default=True, help="Pages of one host at a time; 0: no limit.")
@click.option("--rate", type=click.FloatRange(0), default=0.0, show_default=True, help="Pages of one host a second; 0: no limit.")
@click.option("-q", "--quiet", is_flag=True, help="Print the totals alone.")
@click.option("--compare", is_flag=True, help="Fetch one by one first, then at once; print both times, the gain, and the limit.")
def command(
    urls: tuple[str, ...],
    path: str | None,
    concurrency: int,
    timeout: float,
    cacert: str | None,
    insecure: bool,
    headers: tuple[str, ...],
    method: str | None,
    data: str | None,
    user: str | None,
    user_agent: str,
    proxy: str | None,
    version: str | None,
    connect_timeout: float,
    max_size: int,
    retries: int,
    per_host: int,
    rate: float,
    quiet: bool,
    compare: bool,
) -> int:
    """Fetch pages at once, each in a task of its own.

    Prints a line a page as it comes: status, bytes, seconds, URL. Ends with 1 if a page failed or had a status of 400 or more.

    \b
    weft fetch https://www.python.org/ https://github.com/
    weft fetch --compare https://www.python.org/ https://github.com/
    weft fetch -i urls.txt -c 500 --timeout 10 --quiet
    cut -f1 sites.tsv | weft fetch - --per-host 4 --rate 2 --retry 3
    """
    if not urls and path is None:
        raise click.UsageError("name a URL, or a file of them with -i")
    words = chain.from_iterable(lines("-") if url == "-" else [url] for url in urls)
    source = chain(words, lines(path) if path is not None else ())
    try:
        options = Options(
            timeout=timeout,
            connect_timeout=connect_timeout,
            cacert=cacert,
            insecure=insecure,
            keep=False,
            method=method,
            headers=headers,
            data=None if data is None else data.encode(),
            user=user,
            user_agent=user_agent,
            proxy=proxy,
            http=version,
            max_size=max_size,
            retries=retries,
            per_host=per_host,
            rate=rate,
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from None
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
