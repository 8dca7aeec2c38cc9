"""The requests of one connection, as WSGI environments, and their bodies, read when the application asks.

Invariants: no more is taken from the socket than one buffer beyond the request in hand; a head that goes on beyond LIMIT or its
deadline is refused; a header whose name has an underscore never reaches the application,
which could not tell it from the one with a hyphen.
"""

import io
from collections import deque
from time import monotonic
from typing import Any
from urllib.parse import unquote_to_bytes

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser, parse_url

BUFFER = 64 * 1024
LIMIT = 64 * 1024  # bytes of a head that does not end
NAMES: dict[bytes, str] = {}  # of headers, as the environment has them; no more than a thousand, since a client chooses them
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Refused(Exception):
    """A request that is answered by the server itself, and ends the connection."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


class Request:
    """One request: `environ`, and what has been read of its body."""

    __slots__ = ("chunks", "complete", "environ", "keep_alive", "version", "wants_word")

    def __init__(self, environ: dict[str, Any]) -> None:
        self.environ = environ
        self.chunks: deque[bytes] | None = None
        self.complete = False
        self.keep_alive = False
        self.version = "1.0"
        self.wants_word = False  # Expect: 100-continue, and nothing was said yet


class Requests:
    """Reads one connection; the parser calls the ``on_`` methods."""

    def __init__(self, stream: Any, base: dict[str, Any], seconds: float) -> None:
        self.stream = stream
        self.base = base
        self.seconds = seconds
        self.parser = HttpRequestParser(self)
        self.ready: deque[Request] = deque()
        self.upgrade = False
        self.error: Refused | None = None
        self.url = b""
        self.environ: dict[str, Any] = {}
        self.request: Request | None = None

    def next(self) -> Request | None:
        """The next request, or None at the connection's end. Raises Refused, and what the socket raises."""
        size, end = 0, 0.0
        while not self.ready:
            if self.error:
                raise self.error
            if self.upgrade:
                return None
            if size and (size > LIMIT or monotonic() > end):
                raise Refused("431 Request Header Fields Too Large" if size > LIMIT else "408 Request Timeout")
            data = self.stream.recv(BUFFER)
            if not data:
                return None
            if not size:
                end = monotonic() + self.seconds
            size += len(data)
            self.feed(data)
        return self.ready.popleft()

    def feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade:
            self.upgrade = True  # no protocol but HTTP is spoken here: the request is answered, and what follows it is not read
            if self.request is not None:
                self.request.keep_alive = False
        except HttpParserError:
            self.error = Refused("400 Bad Request")

    def on_message_begin(self) -> None:
        self.url = b""
        self.environ = self.base.copy()

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if b"_" in name:
            return
        key = NAMES.get(name) or environ_name(name)
        environ = self.environ
        if key in environ:
            environ[key] += ("; " if key == "HTTP_COOKIE" else ",") + value.decode("latin-1")
        else:
            environ[key] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        parser, environ, url = self.parser, self.environ, self.url
        request = self.request = Request(environ)
        environ["REQUEST_METHOD"] = parser.get_method().decode("latin-1")
        if not url.startswith(b"/"):
            parsed = parse_url(url) if url != b"*" else None
            url = (parsed.path or b"/") + (b"?" + parsed.query if parsed.query else b"") if parsed else b""
        path, _, query = url.partition(b"?")
        environ["PATH_INFO"] = (unquote_to_bytes(path) if b"%" in path else path).decode("latin-1")
        environ["QUERY_STRING"] = query.decode("latin-1")
        request.version = parser.get_http_version()
        environ["SERVER_PROTOCOL"] = "HTTP/" + request.version
        request.keep_alive = parser.should_keep_alive()
        if "HTTP_TRANSFER_ENCODING" in environ or environ.get("CONTENT_LENGTH", "0") != "0":
            request.chunks = deque()
            request.wants_word = environ.get("HTTP_EXPECT", "").lower() == "100-continue" and request.version == "1.1"
            environ["wsgi.input"] = io.BufferedReader(Body(self, request), BUFFER)
        else:
            environ["wsgi.input"] = io.BytesIO()
        self.ready.append(request)

    def on_body(self, data: bytes) -> None:
        assert self.request is not None
        assert self.request.chunks is not None
        self.request.chunks.append(data)

    def on_message_complete(self) -> None:
        assert self.request is not None
        self.request.complete = True

    def more(self, request: Request) -> bytes:
        """The next piece of the body of `request`, b"" at its end."""
        assert request.chunks is not None
        while not request.chunks:
            if request.complete:
                return b""
            if self.error:
                raise self.error
            if request.wants_word:
                request.wants_word = False
                self.stream.sendall(CONTINUE)
            data = self.stream.recv(BUFFER)
            if not data:
                raise ConnectionResetError("the client went away in the middle of the request's body")
            self.feed(data)
        return request.chunks.popleft()


def environ_name(name: bytes) -> str:
    """The key of a header in the environment, kept for the next time."""
    key = name.decode("latin-1").upper().replace("-", "_")
    if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        key = "HTTP_" + key
    if len(NAMES) < 1000:
        NAMES[name] = key
    return key


class Body(io.RawIOBase):
    """The body of a request, as a file."""

    def __init__(self, requests: Requests, request: Request) -> None:
        self.requests = requests
        self.request = request
        self.rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        if not self.rest:
            self.rest = memoryview(self.requests.more(self.request))
        count = min(len(buffer), len(self.rest))
        buffer[:count] = self.rest[:count]
        self.rest = self.rest[count:]
        return count
