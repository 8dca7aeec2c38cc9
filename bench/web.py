"""HTTP servers under wrk, 100 connections with keep-alive: requests a second, and the microseconds of the server's CPU that one costs.

One WSGI application behind each server, and the standard library's own http.server, unmodified, under each way to run it.
"""

import re
import subprocess
import sys

from bench import process, programs
from bench.runners import unmodified
from bench.work import SMOKE, Figure, Row, Work, pin
from bench.wsgi_servers import SERVERS

CONNECTIONS = 100
SECONDS = 1 if SMOKE else 2


def load(port: str, seconds: float) -> int:
    """Requests that wrk saw answered. SystemExit when one of them failed."""
    words = [*(programs.wrk() or ["wrk"]), "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", f"http://127.0.0.1:{port}/"]
    done = subprocess.run(words, capture_output=True, text=True, check=True, preexec_fn=lambda: pin(1))
    counted = re.search(r"(\d+) requests in", done.stdout)
    if counted is None or re.search(r"Non-2xx|Socket errors", done.stdout):
        raise SystemExit(f"wrk found faults:\n{done.stdout}{done.stderr}")
    return int(counted[1])


def measure(peer: str, row: int) -> tuple[float, float]:
    """Requests a second, and CPU microseconds a request."""
    wsgi = row == 0 or peer == "pywsgi"
    name = "gevent" if peer == "pywsgi" else peer
    command = [sys.executable, "-m", "bench.wsgi_servers", name] if wsgi else unmodified(peer, "http_handler.py")
    with process.serving(command) as (server, port):
        load(port, 1)
        before = process.cpu_seconds(server)
        requests = load(port, SECONDS)
        spent = process.cpu_seconds(server) - before
    return requests / SECONDS, spent / requests * 1e6


WORK = Work(
    "HTTP server",
    {peer: lambda row, peer=peer: measure(peer, row) for peer in [*SERVERS, "pywsgi"]},  # type: ignore[misc]
    (
        Row("a WSGI application", (Figure("requests/s", more=True), Figure("µs of CPU", {"gevent": 2})), ("pywsgi",)),
        Row("http.server, unmodified", (Figure("requests/s", more=True), Figure("µs of CPU", {"pywsgi": 2, "gevent": 1})), ("eventlet",)),
    ),
    needs=("wrk",),
    note="""pywsgi's 2,300 requests a second are 100 connections by 43 ms: head and body go out in two pieces, and without TCP_NODELAY the
second waits for the client's delayed acknowledgement (strace). The goal is about CPU, which is not touched by that. `threads` runs the WSGI
application under wsgiref, which speaks HTTP/1.0 and closes each connection.""",
)

if __name__ == "__main__":
    WORK.main()
