"""``weft demo``: the gain, without a network."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from weft.cli.fetch import compared
from weft.cli.table import bars, line_of, totals
from weft.demo import certificate
from weft.demo.site import PAGES, SLOWEST
from weft.fetch import Options, Page
from weft.fetch.tally import Tally

__all__ = ["command"]


@click.command()
@click.option("--full", is_flag=True, help="The seed's real times (four pages of 3.78 s each), not a tenth of them.")
def command(full: bool) -> int:
    """Fetch four slow pages one by one and then at once, from an embedded site over HTTP and HTTPS: no network needed.

    Once with libcurl, as `weft fetch` does, and once with plain urllib.request, as `weft run` lets any program do.

    \b
    weft demo
    weft demo --full
    """
    scale = 1.0 if full else 0.1
    click.echo(f"Four pages that take {SLOWEST * scale:.3g} s each: three over HTTPS, with a certificate made just now, one over HTTP.\n")
    with site(scale) as (urls, authority):
        click.secho("With libcurl: weft fetch --compare URL...", bold=True, fg="cyan")
        status = compared(urls, Options(cacert=authority, keep=False), len(urls), False)
        click.secho("\nWith urllib.request, in plain blocking code: weft run PROGRAM", bold=True, fg="cyan")
        return blocking(urls, authority) or status


@contextmanager
def site(scale: float) -> Iterator[tuple[list[str], str]]:
    """The embedded site in a process of its own: its URLs, and the authority to trust."""
    with tempfile.TemporaryDirectory(prefix="weft-demo-") as folder:
        made = certificate.make(Path(folder), ["localhost", "127.0.0.1"])
        words = [sys.executable, "-m", "weft.demo.site", str(scale), str(made.chain), str(made.key)]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                line = process.stdout.readline().split()
                if len(line) != 2:
                    raise click.ClickException("the embedded site did not start; its words stand above")
                *secure, plain = PAGES
                urls = [f"https://localhost:{line[1]}{path}" for path in secure] + [f"http://localhost:{line[0]}{plain}"]
                yield urls, str(made.authority)
            finally:
                process.stdin.close()


def blocking(urls: list[str], authority: str) -> int:
    """Run the plain program under ``weft run`` and show what it does."""
    words = [sys.executable, "-m", "weft", "run", "-m", "weft.demo.pages", authority, *urls]
    tally = Tally()
    times: dict[str, float] = {}
    shown = ""
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            phase, *rest = json.loads(line)
            if phase != shown:
                shown = phase
                tally = Tally()
                click.secho(f"{phase}: {len(urls)} pages", bold=True)
            if len(rest) == 1:
                times[phase] = rest[0]
                click.echo(totals(tally, rest[0]))
            else:
                status, size, seconds, url = rest
                page = Page(url, url, status, size, b"", b"", (0.0, 0.0, 0.0, 0.0, seconds))
                tally.add(page)
                click.echo(line_of(page))
    if process.returncode:
        raise click.ClickException("the blocking program failed; its words stand above")
    bars(times["one by one"], times["at once"], tally.slowest)
    return 1 if tally.failed else 0
