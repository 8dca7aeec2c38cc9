"""A server for the tests, in a process of its own: ``python tests/server.py [CHAIN KEY]`` prints its port.

Paths: ``/bytes/N`` answers with N bytes; ``/slow/SECONDS`` waits first; ``/status/N``; ``/to/URL`` redirects, ``/loop`` to itself;
``/gzip/N`` compresses; ``/cut`` breaks off; ``/echo`` tells the request; ``/flaky/KEY/N`` fails N times;
``/etag/X`` is known by it; ``/web/N`` links to others.
"""

import gzip
import os
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FAILED: dict[str, int] = {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        kind, _, argument = self.path[1:].partition("/")
        if kind == "slow":
            time.sleep(float(argument.partition("?")[0]))
            self.answer(200, b"slow")
        elif kind == "bytes":
            self.answer(200, b"." * int(argument))
        elif kind == "gzip":
            self.answer(200, gzip.compress(b"." * int(argument)), **{"Content-Encoding": "gzip"})
        elif kind == "to":
            self.answer(302, b"", Location=argument)
        elif kind == "echo":
            size = int(self.headers.get("Content-Length") or 0)
            told = [self.command, *(f"{name}: {value}" for name, value in self.headers.items()), self.rfile.read(size).decode()]
            self.answer(200, "\n".join(told).encode(), **{"X-Twice": "1", "x-twice": "2"})
        elif kind == "flaky":  # /flaky/KEY/N fails N times
            key, _, times = argument.partition("/")
            FAILED[key] = FAILED.get(key, 0) + 1
            if FAILED[key] <= int(times):
                self.answer(503, b"", **{"Retry-After": "0"})
            else:
                self.answer(200, str(FAILED[key]).encode())
        elif kind == "etag":  # 304 to who has it
            same = self.headers.get("If-None-Match") == f'"{argument}"'
            self.answer(304 if same else 200, b"" if same else b"new", ETag=f'"{argument}"')
        elif kind == "sitemap.xml":
            self.answer(200, b"<urlset>" + b" " * 100_000 + b"<loc>http://%s/bytes/7</loc></urlset>" % self.headers["Host"].encode())
        elif kind == "cookie":
            self.answer(200, b"", **{"Set-Cookie": f"{argument}=1; Path=/"})
        elif kind == "robots.txt":
            self.answer(200, b"User-agent: *\nDisallow: /web/secret\nCrawl-delay: 0.01\n")
        elif kind == "web":  # /web/N links to 2N and 2N + 1, to a secret, and away
            number = int(argument) if argument.isdigit() else 0
            links = [f"/web/{2 * number}", f"/web/{2 * number + 1}#x", "/web/secret", "http://elsewhere.invalid/", "mailto:me"]
            page = f"<title>Page {argument}</title>" + "".join(f'<a href="{link}">x</a>' for link in links)
            self.answer(200, page.encode(), **{"Content-Type": "text/html"})
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

    do_POST = do_PUT = do_GET

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
