"""The same unmodified threaded program, `socket` and `threading`, under threads, gevent's monkey patching and `weft run`."""

from bench.echo import load
from bench.runners import RUNNERS, unmodified
from bench.work import Figure, Row, Work

CONNECTIONS = (10, 10_000)

WORK = Work(
    "a threaded program, unmodified",
    {peer: lambda row, peer=peer: load(unmodified(peer, "threaded_echo.py"), 1, CONNECTIONS[row]) for peer in RUNNERS},  # type: ignore[misc]
    tuple(
        Row(f"{connections:,} connections", (Figure("messages/s", more=True), Figure("µs of CPU", {"threads": 1, "gevent": 1})))
        for connections in CONNECTIONS
    ),
)

if __name__ == "__main__":
    WORK.main()
