"""An embedded site whose pages answer slowly, over HTTP and HTTPS: ``python -m weft.demo.site SCALE CHAIN KEY``.

It prints its two ports and serves until its standard input ends. It is itself a plain
blocking server on weft: a task a connection, on the standard library's request handler.
"""

import os
import ssl
import sys
from http.server import BaseHTTPRequestHandler
from typing import Any

import weft
from weft import socket
from weft.ssl import SSLContext

__all__ = ["PAGES", "SLOWEST"]

SLOWEST = 3.78  # seconds: what the seed's four pages took at once; one by one they took 15.14
PAGES = {"/www.python.org/": 47424, "/www.python.org/2": 47424, "/github.com/": 25735, "/blog.ansheng.me/": 82693}  # bytes, as in the seed


class Handler(BaseHTTPRequestHandler):
    """Waits, then answers with a page of the right size."""

    protocol_version = "HTTP/1.1"
    scale = 1.0

    def do_GET(self) -> None:
        size = PAGES.get(self.path)
        if size is None:
            self.send_error(404)
            return
        weft.sleep(SLOWEST * self.scale)
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.write(b"<!doctype html>".ljust(size, b"."))

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the demo prints what matters."""


def serve(listener: socket.socket, context: ssl.SSLContext | None) -> None:
    """Accept for ever; a task a connection."""
    while True:
        connection, address = listener.accept()
        weft.spawn(answer, connection, address, context)


def answer(connection: Any, address: Any, context: ssl.SSLContext | None) -> None:
    """One connection, until its client has enough."""
    try:
        with context.wrap_socket(connection, server_side=True) if context else connection as wrapped:
            wrapped.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Handler(wrapped, address, None)  # type: ignore[arg-type]
    except OSError:
        pass  # a client that went away


def main() -> None:
    """Print the ports and serve until standard input ends."""
    Handler.scale = float(sys.argv[1])
    plain = socket.create_server(("127.0.0.1", 0))
    weft.spawn(serve, plain, None)
    context = SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*sys.argv[2:4])
    secure = socket.create_server(("127.0.0.1", 0))
    weft.spawn(serve, secure, context)
    print(plain.getsockname()[1], secure.getsockname()[1], flush=True)
    weft.wait_readable(0)
    os._exit(0)


if __name__ == "__main__":
    main()
