"""A TCP echo, one message in flight a connection: messages a second, and the microseconds of the server's CPU that one costs.

The server is on one processor, a client in C on another. The second figure is the steadier one where others are at work.
"""

import select
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import process, programs
from bench.servers import SERVERS
from bench.work import SMOKE, Figure, Row, Work, pin

SECONDS = 0.2 if SMOKE else 1.0
KIB = (1, 10, 100)
CONNECTIONS = (1, 10, 200, 5000)
Started = tuple[int, Callable[[], tuple[float, float]]]
CELLS = [(kib, connections) for kib in KIB for connections in CONNECTIONS]


def measure(name: str, kib: int, connections: int, tls: bool = False) -> tuple[float, float]:
    """Messages a second and CPU microseconds a message, of the echo server of that name."""
    with started(name, kib, connections, tls) as (_, finish):
        return finish()


@contextmanager
def started(name: str, kib: int, connections: int, tls: bool = False, seconds: float = SECONDS) -> Iterator[Started]:
    """``loaded`` of the echo server of that name."""
    client = programs.c("echo", *(["-DTLS"] if tls else []))
    with tempfile.TemporaryDirectory() as folder:
        files: list[str | Path] = []
        if tls:
            from weft.demo import certificate

            made = certificate.make(Path(folder), ["localhost"])
            files = [made.chain, made.key]
        with loaded([*command(name, client), *files], kib, connections, client, seconds) as running:
            yield running


def load(server_command: list[str | Path], kib: int, connections: int) -> tuple[float, float]:
    """Start the server, load it, and return messages a second and CPU microseconds a message."""
    with loaded(server_command, kib, connections, programs.c("echo"), SECONDS) as (_, finish):
        return finish()


@contextmanager
def loaded(server_command: list[str | Path], kib: int, connections: int, client: Path, seconds: float) -> Iterator[Started]:
    """A server under load, once it is warm: its process, and a function that waits for the end and returns what ``load`` returns."""
    with process.serving(server_command) as (server, port):
        request = [client, "load", port, str(connections), str(kib * 1024), str(seconds)]
        with subprocess.Popen(request, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=lambda: pin(1)) as loading:
            if not begun(loading):
                loading.kill()
                raise SystemExit(f"{' '.join(map(str, server_command))} could not be loaded: {loading.stderr.read()}")  # type: ignore[union-attr]
            before = process.cpu_seconds(server)

            def finish() -> tuple[float, float]:
                messages = int(loading.stdout.readline())  # type: ignore[union-attr]
                return messages / seconds, (process.cpu_seconds(server) - before) / messages * 1e6

            yield server, finish


def begun(loading: "subprocess.Popen[str]") -> bool:
    """Whether the client's warm-up ends, within a minute."""
    ready, _, _ = select.select([loading.stdout], [], [], 60)
    return bool(ready) and loading.stdout.readline() == "begin\n"  # type: ignore[union-attr]


def command(name: str, client: Path) -> list[str | Path]:
    """How the server is started."""
    if name == "C":
        return [client, "serve"]
    if name in programs.COMMANDS:
        return [*programs.COMMANDS[name](), "serve"]
    return [sys.executable, "-m", "bench.servers", name]


GOALS = {"uvloop": 1.0, "gevent": 1.9, "C": 1 / 1.2}
# at 200 connections only: the others take time enough
SELDOM = ("eventlet", "asyncio_streams", "uvloop_streams", "trio", "threads", "java")
WORK = Work(
    "TCP echo",
    {name: lambda row, name=name: measure(name, *CELLS[row]) for name in [*SERVERS, *programs.COMMANDS, "C"]},  # type: ignore[misc]
    tuple(
        Row(
            f"{kib} KiB, {connections:,} connection{'s' if connections > 1 else ''}",
            (Figure("messages/s", more=True), Figure("µs of CPU", GOALS)),
            () if connections == 200 else SELDOM,
        )
        for kib, connections in CELLS
    ),
    quick=(2,),
    few=("weft", "gevent", "uvloop", "C"),
)

if __name__ == "__main__":
    WORK.main()
