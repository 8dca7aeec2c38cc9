"""A TCP echo of 1 KiB, one message in flight a connection: messages a second. The server is on one processor, a client in C on another.

The servers of weft and gevent are plain blocking code, a task a connection; asyncio's and uvloop's are protocols, their fastest form;
`C` is an epoll loop, the limit. The second figure, on standard error, is the server's CPU time a message: steadier than the first where
others are at work.
"""

import os
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from bench.work import Work, pin

SECONDS = 0.2 if os.environ.get("BENCH_SMOKE") else 2.0
SOURCE = Path(__file__).with_suffix(".c")


def build() -> Path:
    """The client and the limit, compiled once a version of their source."""
    program = Path(tempfile.gettempdir(), f"weft-bench-{os.getuid()}", f"echo-{hash_of(SOURCE)}")
    if not program.exists():
        program.parent.mkdir(mode=0o700, exist_ok=True)
        fresh = program.with_suffix(f".{os.getpid()}")
        compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
        subprocess.run([compiler, "-O2", "-o", fresh, SOURCE], check=True)
        fresh.rename(program)
    return program


def hash_of(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def accept(socket: Any, spawn: Any) -> None:
    """The same lines for weft and for gevent."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(listener.getsockname()[1], flush=True)

    def serve(connection: Any) -> None:
        while data := connection.recv(4096):
            connection.sendall(data)

    while True:
        connection, _ = listener.accept()
        spawn(serve, connection)


def serve_weft() -> None:
    import weft
    import weft.socket

    accept(weft.socket, weft.spawn)


def serve_gevent() -> None:
    import gevent.monkey

    gevent.monkey.patch_all()
    import socket

    accept(socket, gevent.spawn)


async def serve_protocol() -> None:
    import asyncio

    class Echo(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            self.transport.write(data)

    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def serve_asyncio() -> None:
    import asyncio

    asyncio.run(serve_protocol())


def serve_uvloop() -> None:
    import uvloop

    uvloop.run(serve_protocol())


SERVERS = {"weft": serve_weft, "gevent": serve_gevent, "asyncio": serve_asyncio, "uvloop": serve_uvloop}


def measure(name: str, connections: int) -> float:
    """Start the server, load it, and return messages a second."""
    program = str(build())
    command = [program, "serve"] if name == "C" else [sys.executable, "-m", "bench.echo", "serve", name]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, preexec_fn=lambda: pin(0))
    try:
        assert server.stdout is not None
        port = server.stdout.readline().decode().strip()
        client = [program, "load", port, str(connections), str(SECONDS)]
        rate = float(subprocess.run(client, stdout=subprocess.PIPE, check=True, preexec_fn=lambda: pin(1)).stdout)
        ticks = sum(int(field) for field in Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])
        print(f"{ticks / os.sysconf('SC_CLK_TCK') / (rate * SECONDS) * 1e6:.2f} µs of the server's CPU a message", file=sys.stderr)
    finally:
        server.kill()
        server.communicate()
    return rate


WORK = Work(
    "TCP echo, 1 KiB",
    "messages/s",
    {name: lambda connections, name=name: measure(name, connections) for name in [*SERVERS, "C"]},  # type: ignore[misc]
    {"gevent": 1.7, "uvloop": 0.95},
    more=True,
    variants=(10, 200),
)

if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        SERVERS[sys.argv[2]]()
    else:
        WORK.main()
