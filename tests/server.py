"""A server for the tests, in a process of its own: ``python tests/server.py [CHAIN KEY]`` prints its port.

Paths: ``/bytes/N`` answers with N bytes; ``/slow/SECONDS`` waits first; ``/status/N``; ``/to/URL`` redirects, ``/loop`` to itself;
``/gzip/N`` compresses; ``/cut`` breaks off.
"""

import gzip
import os
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        kind, _, argument = self.path[1:].partition("/")
        if kind == "slow":
            time.sleep(float(argument))
            self.answer(200, b"slow")
        elif kind == "bytes":
            self.answer(200, b"." * int(argument))
        elif kind == "gzip":
            self.answer(200, gzip.compress(b"." * int(argument)), **{"Content-Encoding": "gzip"})
        elif kind == "to":
            self.answer(302, b"", Location=argument)
        elif kind == "loop":
            self.answer(302, b"", Location="/loop")
        elif kind == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"cut")
            self.close_connection = True
        else:
            self.answer(int(argument or 200), b"status")

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 1000

    def handle_error(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), Handler)
    if len(sys.argv) > 1:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*sys.argv[1:])
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    os._exit(0)
