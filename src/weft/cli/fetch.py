"""``weft fetch``: pages at once."""

import os
import resource
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from weft.cli.progress import Progress
from weft.cli.requests import options_of, request_options
from weft.cli.sections import Sectioned, option
from weft.cli.table import bars, line_of, summary, totals
from weft.fetch import Fetcher, FetchError, Options, Page
from weft.fetch.crawl import Crawl
from weft.fetch.extract import extractor
from weft.fetch.inputs import InputError, addresses
from weft.fetch.outputs import open_output
from weft.fetch.outputs.output import Output
from weft.fetch.outputs.stream import Records, Template
from weft.fetch.run import Run
from weft.fetch.state import State
from weft.fetch.tally import Tally
from weft.fetch.workers import Workers

__all__ = ["command", "compared"]

INTERRUPTED = 130  # as a shell says it of a program that Ctrl-C ended
FEW = 10  # results without a summary
MOST = 1000  # at once, when it is found out how many
INPUT, OUTPUT, SHOWN, RUN = "Addresses", "Output", "What is shown", "The run"


class Number(click.ParamType[int]):
    """A number of pages at once, or auto (0)."""

    name = "n|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if value == "auto":
            return 0
        return click.IntRange(1).convert(value, param, ctx)


@click.command(cls=Sectioned)
@click.argument("urls", nargs=-1, metavar="[URL]...")
@option(INPUT, "-i", "--input", "sources", multiple=True, metavar="SOURCE", help="Take addresses from a file (text, .csv, .tsv, "
        ".jsonl, .xml sitemap, each also .gz), from standard input (-), or from the URL of a sitemap.")  # fmt: skip
@option(INPUT, "--column", metavar="NAME", help="The column of a CSV (a name, or a number from 1), or the field of JSON lines.")
@option(INPUT, "--crawl", is_flag=True, help="Follow the links on pages, within the hosts of the given addresses.")
@option(INPUT, "--depth", type=click.IntRange(0), default=3, show_default=True, help="Links away from the given addresses.")
@option(INPUT, "--domain", "domains", multiple=True, metavar="NAME", help="Crawl this domain and those below it; may be repeated.")
@option(OUTPUT, "-o", "--output", "places", multiple=True, metavar="PLACE", help="A folder (a file a page), or a file whose "
        "ending says what it is: .jsonl, .warc, .warc.gz, .db (SQLite), .parquet; - prints the bodies. May be repeated.")  # fmt: skip
@option(OUTPUT, "--bodies/--no-bodies", default=True, help="Write the bodies to .jsonl, .db and .parquet, too.")
@option(OUTPUT, "--extract", "wishes", multiple=True, metavar="WHAT", help="Add what is found in the page: links, title, css:SELECTOR, "
        "css:SELECTOR@ATTRIBUTE or re:PATTERN.")  # fmt: skip
@option(OUTPUT, "--format", "template", metavar="TEMPLATE", help="Print a line a page: {status}, {size}, {seconds}, {url}, {final_url}, "
        "{content_type}, {http}, {address}, {error}, {reason}, {attempts}, {began}, {title}, ...")  # fmt: skip
@option(OUTPUT, "--json", "json_lines", is_flag=True, help="Print a JSON object a page, without its body.")
@option(RUN, "-c", "--concurrency", type=Number(), default="100", show_default=True, help="At most so many pages at once; auto finds out "
        "what the network bears.")  # fmt: skip
@option(RUN, "-w", "--workers", type=Number(), default="1", show_default=True, help="Processes that share the work, each host in one of "
        "them; auto: as many as there are cores.")  # fmt: skip
@option(RUN, "--state", "place", type=click.Path(dir_okay=False), metavar="FILE", help="Note in this database what is done: a run that was "
        "stopped, or killed, goes on where it was.")  # fmt: skip
@option(RUN, "--retry-failed", is_flag=True, help="With --state: fetch what failed once more; without addresses, that alone.")
@option(RUN, "--refresh", is_flag=True, help="With --state: ask for all once more, and take what has changed (ETag, Last-Modified).")
@option(SHOWN, "-q", "--quiet", is_flag=True, help="Print the totals alone.")
@option(SHOWN, "--progress/--no-progress", default=None, help="Show the progress (default: on a terminal).")
@option(SHOWN, "--report", type=click.Path(dir_okay=False), metavar="FILE", help="Write a page with the run's picture: waterfall, "
        "latencies, hosts, errors.")  # fmt: skip
@option(SHOWN, "--compare", is_flag=True, help="Fetch one by one first, then at once; print both times, the gain, and the limit.")
@request_options
def command(urls: tuple[str, ...], **values: Any) -> int:
    """Fetch pages at once, each in a task of its own.

    Prints a line a page as it comes: status, bytes, seconds, URL. Ends with 0, or with 1 if a page failed or had a status of 400 or more.

    \b
    weft fetch https://www.python.org/ https://github.com/
    weft fetch --compare https://www.python.org/ https://github.com/
    weft fetch -i urls.txt -c 500 --timeout 10 -o pages/
    weft fetch -i sites.csv --column homepage --extract title --format '{status} {title} {url}'
    weft fetch -i https://example.org/sitemap.xml --per-host 4 --rate 2 --retry 3 -o site.warc.gz
    weft fetch --crawl --depth 2 https://example.org/ -o site.jsonl --state site.run
    weft fetch -i urls.txt --state run.db -o pages.parquet --report report.html
    weft fetch --state run.db --retry-failed -o pages.parquet

    With --state, what was fetched is never fetched twice, and never lost: kill it at any moment, and start it again with the same
    words. Ctrl-C lets what is on its way come in, and stops; a second one stops at once.
    """
    retry_failed, place = values["retry_failed"], values["place"]
    if not urls and not values["sources"] and not (place and (retry_failed or values["refresh"])):
        raise click.UsageError("name a URL, or a file of them with -i")
    if (retry_failed or values["refresh"]) and not place:
        raise click.UsageError("--retry-failed and --refresh need the --state of an earlier run")
    robots = values["crawl"] if values["robots"] is None else values["robots"]
    needs = bool(values["places"] or values["wishes"] or values["crawl"])
    options = options_of(values, keep=needs, robots=robots, conditional=values["refresh"])
    job = Job(options, **values)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # a page may take a descriptor
    try:
        if job.compare:
            return compared(list(job.source(urls, None)), options, job.concurrency or MOST, job.quiet)
        return job.run(urls)
    except (InputError, ValueError) as error:
        raise click.ClickException(str(error)) from None


class Job:
    """One run of the command."""

    def __init__(
        self,
        options: Options,
        sources: tuple[str, ...],
        column: str | None,
        crawl: bool,
        depth: int,
        domains: tuple[str, ...],
        places: tuple[str, ...],
        bodies: bool,
        wishes: tuple[str, ...],
        template: str | None,
        json_lines: bool,
        concurrency: int,
        workers: int,
        place: str | None,
        retry_failed: bool,
        refresh: bool,
        quiet: bool,
        progress: bool | None,
        report: str | None,
        compare: bool,
    ) -> None:
        self.options = options
        self.sources, self.column = sources, column
        self.crawl, self.depth, self.domains = crawl, depth, domains
        self.places, self.bodies, self.template, self.json_lines = places, bodies, template, json_lines
        self.extractors = dict(extractor(wish) for wish in wishes)
        self.concurrency, self.place, self.retry_failed, self.refresh = concurrency, place, retry_failed, refresh
        self.workers = workers or (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
        self.quiet, self.report, self.compare = quiet, report, compare
        self.data_out = json_lines or template is not None or "-" in places  # standard output is for data
        self.console = Console(stderr=True)
        self.progress = (self.console.is_terminal if progress is None else progress) and not quiet
        self.running: Run | None = None

    def run(self, urls: tuple[str, ...]) -> int:
        """Do it; the command's status."""
        tally = Tally()
        began = time.monotonic()
        stopped: str | None = None
        failure: Exception | None = None
        with ExitStack() as stack:
            state = State(Path(self.place)) if self.place else None
            if state is not None:
                stack.callback(state.close)
            outputs = self.outputs(state, stack)
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=".weft-", dir=self.near(outputs)))) if outputs else None
            at_once = self.concurrency or MOST
            fetcher = self.fetcher(at_once, folder)
            stack.callback(fetcher.close)
            source = self.source(urls, fetcher, state)
            crawl = Crawl(source, self.depth, self.domains, state.waiting() if state is not None else ()) if self.crawl else None
            shown = Progress(tally, self.console, lambda: fetcher.active, None if crawl else self.total(urls))
            run = self.running = Run(fetcher, at_once, outputs, state, self.seen(tally), self.retry_failed, self.refresh, crawl)
            with shown.shown(self.progress), self.interruptible(run):
                try:
                    run.run(crawl if crawl is not None else source)
                except KeyboardInterrupt:
                    stopped = "interrupted"
                except (OSError, sqlite3.Error) as error:
                    failure = error
            if failure is not None and state is not None:
                self.mend(state, outputs)
        seconds = time.monotonic() - began
        if run.stopping and stopped is None:
            stopped = "interrupted"
        self.end(tally, seconds, run.skipped, stopped, failure)
        if failure is not None:
            return 1
        return INTERRUPTED if stopped else 1 if tally.failed else 0

    def fetcher(self, at_once: int, folder: Path | None) -> Fetcher | Workers:
        """What fetches."""
        adaptive = not self.concurrency
        if self.workers > 1:
            return Workers(self.workers, self.options, at_once, folder, adaptive=adaptive)
        return Fetcher(self.options, at_once, folder, adaptive=adaptive)

    def end(self, tally: Tally, seconds: float, skipped: int, stopped: str | None, failure: BaseException | None) -> None:
        """The last words."""
        if tally.results >= FEW and not self.quiet:
            summary(tally, self.console if self.data_out else Console(file=sys.stdout))
        if stopped:
            click.echo(stopped, err=True)
        if failure is not None:
            safe = f"; what was done before is safe in {self.place}: run it again" if self.place else ""
            what: object = failure
            if isinstance(failure, BrokenPipeError):
                what = "standard output was closed by who read it"
            elif isinstance(failure, OSError) and failure.strerror:
                what = f"{failure.filename or 'an output'}: {failure.strerror}"
            if self.place or not isinstance(failure, BrokenPipeError):  # `weft fetch ... | head` is no error
                click.echo(f"Error: {what}{safe}", err=True)
        if not isinstance(failure, BrokenPipeError):
            click.echo(totals(tally, seconds, skipped), err=self.data_out)
        if self.report:
            from weft.fetch.report import report

            Path(self.report).write_text(report(tally, seconds))

    def seen(self, tally: Tally) -> Any:
        """What is done with each result once it is written."""
        lines = not (self.quiet or self.data_out) and not (self.places and self.progress)
        live = self.progress and self.console.is_terminal and sys.stdout.isatty()

        def note(result: Page | FetchError) -> None:
            tally.add(result)
            if lines:
                text = line_of(result)
                if live:
                    self.console.print(Text.from_ansi(text), soft_wrap=True)
                else:
                    click.echo(text)

        return note

    def outputs(self, state: State | None, stack: ExitStack) -> list[Output]:
        """Open them, each taken back to where the state says that it was."""
        opened: list[Output] = []
        streams: list[Output] = [Template(self.template)] if self.template is not None else [Records()] if self.json_lines else []
        for place in self.places:
            mark = state.mark(Path(place)) if state is not None else None
            output = open_output(place, bodies=self.bodies, keep=state is not None and (mark is not None or not state.empty()))
            if state is not None and mark is not None:
                output.restore(mark)
            opened.append(output)
            stack.callback(output.close)
        for output in [*opened, *streams]:
            output.extractors = self.extractors
        for stream in streams:
            if isinstance(stream, Template):
                stream.check()
        return [*opened, *streams]

    @staticmethod
    def near(outputs: list[Output]) -> Path | None:
        """A folder on the disk of the first output, so that what is there already need not be copied."""
        for output in outputs:
            if output.place.is_dir():
                return output.place
            if output.place.exists():
                return output.place.absolute().parent
        return None

    def mend(self, state: State, outputs: list[Output]) -> None:
        """Take the outputs back to what was committed."""
        for output in outputs:
            mark = state.mark(output.place)
            if mark is not None:
                try:
                    output.restore(mark)
                except OSError:
                    continue  # the next run does it

    def source(self, urls: tuple[str, ...], fetcher: Fetcher | Workers | None, state: State | None = None) -> Iterator[str]:
        """The addresses, as they come."""

        def stopped() -> bool:
            return self.running is not None and self.running.stopping

        def get(url: str) -> Page:
            if fetcher is not None:
                return fetcher.once(url)
            with Fetcher(self.options) as own:
                return own.once(url)

        def each(name: str) -> Iterator[str]:
            return addresses(name, column=self.column, get=get, stopped=stopped)

        named = chain.from_iterable(each("-") if url == "-" else [url] for url in urls)
        listed = chain.from_iterable(each(name) for name in self.sources)
        if state is not None and not urls and not self.sources:
            return state.known(failed=self.retry_failed)
        return chain(named, listed)

    def total(self, urls: tuple[str, ...]) -> int | None:
        """How many there will be, if that is known."""
        return None if self.sources or "-" in urls or not urls else len(urls)

    @contextmanager
    def interruptible(self, run: Run) -> Iterator[None]:
        """The first Ctrl-C stops the run when what is on its way has come; the second at once."""

        def interrupt(number: int, frame: Any) -> None:
            if run.stopping:
                raise KeyboardInterrupt
            run.stop()
            if run.fetcher.active:
                click.echo(f"stopping: {run.fetcher.active} on their way; Ctrl-C again stops at once", err=True)

        before = signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)


def fetched(urls: Iterable[str], options: Options, concurrency: int, quiet: bool) -> tuple[float, Tally]:
    """Fetch and print; the time it took, and what came."""
    tally = Tally()
    began = time.perf_counter()
    with Fetcher(options, concurrency) as fetcher:
        for result in fetcher.fetch_all(urls, concurrency):
            tally.add(result)
            if not quiet:
                click.echo(line_of(result))
    seconds = time.perf_counter() - began
    click.echo(totals(tally, seconds))
    return seconds, tally


def compared(urls: list[str], options: Options, concurrency: int, quiet: bool) -> int:
    """The seed's comparison: one by one, then at once."""
    click.secho(f"one by one: {len(urls):,} pages", bold=True)
    one_by_one, first = fetched(urls, options, 1, quiet)
    click.secho(f"at once: {len(urls):,} pages, at most {concurrency} at a time", bold=True)
    at_once, second = fetched(urls, options, concurrency, quiet)
    bars(one_by_one, at_once, second.slowest)
    return 1 if first.failed or second.failed else 0
