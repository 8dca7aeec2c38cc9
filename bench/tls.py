"""The echo of ``bench.echo`` over TLS 1.3: plain blocking calls on an ``ssl.SSLSocket``, against protocols and streams."""

from bench.echo import measure
from bench.work import Figure, Row, Work

CELLS = [(kib, connections) for kib in (1, 100) for connections in (10, 200)]
PEERS = ("weft", "gevent", "eventlet", "asyncio", "uvloop", "uvloop_streams", "trio", "threads", "C")

WORK = Work(
    "TLS echo",
    {name: lambda row, name=name: measure(name, *CELLS[row], tls=True) for name in PEERS},  # type: ignore[misc]
    tuple(
        Row(
            f"{kib} KiB, {connections} connections",
            (Figure("messages/s", more=True), Figure("µs of CPU", {"gevent": 1.5, "uvloop_streams": 1})),
            () if connections == 200 else ("eventlet", "trio", "threads"),
        )
        for kib, connections in CELLS
    ),
)

if __name__ == "__main__":
    WORK.main()
