"""What goes back: the head and the body that an application returns, in as few calls to the system as they allow."""

import time
from collections.abc import Callable, Iterable
from email.utils import formatdate
from typing import Any

from weft.wsgi.requests import Request

NO_BODY = ("1", "204", "304")  # how a status without a body begins
FRAMING = frozenset({"content-length", "transfer-encoding", "connection", "date"})
date = (0, b"")  # the second, and the line of the Date header


def date_line() -> bytes:
    """Made once a second."""
    global date
    now = int(time.time())
    if date[0] != now:
        date = now, f"Date: {formatdate(now, usegmt=True)}\r\n".encode()
    return date[1]


class Response:
    """The answer to one request: ``start`` is the application's start_response."""

    def __init__(self, stream: Any, request: Request) -> None:
        self.stream = stream
        self.request = request
        self.status = ""
        self.headers: list[tuple[str, str]] = []
        self.sent = False  # whether the head has gone
        self.chunked = False
        self.bodiless = False
        self.left: int | None = None  # bytes of the body that Content-Length promised
        self.keep_alive = request.keep_alive

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /) -> Callable[[bytes], None]:
        """PEP 3333: keep status and headers until there is a body to send, and return ``write``."""
        if exc_info:
            try:
                if self.sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self.status:
            raise RuntimeError("start_response was called a second time, without exc_info")
        self.status, self.headers = status, headers
        return self.write

    def head(self, length: int | None) -> bytes:
        """The head, as bytes; `length` is the body's, where all of it is known."""
        status, request = self.status, self.request
        self.chunked, self.left = False, None
        lines = [f"HTTP/1.1 {status}\r\n"]
        framing = {}
        for name, value in self.headers:
            if "\n" in value or "\r" in value or "\n" in name or "\r" in name or ":" in name:
                raise ValueError(f"a line break or a colon in the header {name!r}: {value!r}")
            lower = name.lower()
            if lower in FRAMING:
                framing[lower] = value
                if lower in ("transfer-encoding", "connection"):
                    continue  # the server's own affair
            lines.append(f"{name}: {value}\r\n")
        if "\n" in status or "\r" in status:
            raise ValueError(f"a line break in the status {status!r}")
        self.bodiless = status.startswith(NO_BODY)
        if "content-length" in framing:
            self.left = int(framing["content-length"])
        elif self.bodiless:
            pass
        elif length is not None:
            self.left = length
            lines.append(f"Content-Length: {length}\r\n")
        elif request.version == "1.1" and request.environ["REQUEST_METHOD"] != "HEAD":
            self.chunked = True
            lines.append("Transfer-Encoding: chunked\r\n")
        else:
            self.keep_alive = False
        if request.environ["REQUEST_METHOD"] == "HEAD":
            self.bodiless = True
        if (not request.complete and request.wants_word) or "close" in framing.get("connection", "").lower():
            self.keep_alive = False
        if not self.keep_alive:
            lines.append("Connection: close\r\n")
        elif request.version == "1.0":
            lines.append("Connection: keep-alive\r\n")
        head = "".join(lines).encode("latin-1")
        return b"".join((head, b"" if "date" in framing else date_line(), b"\r\n"))

    def frame(self, data: bytes) -> bytes:
        """A piece of the body as it goes over the wire. Raises ValueError for more than Content-Length promised."""
        if self.bodiless or not data:
            return b""
        if self.chunked:
            return b"%x\r\n%b\r\n" % (len(data), data)
        if self.left is not None:
            self.left -= len(data)
            if self.left < 0:
                raise ValueError(f"the application sent {-self.left} bytes more than its Content-Length")
        return data

    def write(self, data: bytes) -> None:
        """Send a piece of the body at once."""
        if data:
            self.send(data, None)

    def send(self, data: bytes, length: int | None, end: bytes = b"") -> None:
        """Send a piece of the body, of `length` bytes in all, after the head if that has not gone, and before `end`."""
        head = b"" if self.sent else self.head(length)
        framed = self.frame(data)
        self.sent = True
        self.stream.sendall(b"".join((head, framed, end)))

    def run(self, application: Callable[..., Iterable[bytes]]) -> None:
        """Call the application, and send what it returns."""
        result = application(self.request.environ, self.start)
        try:
            if type(result) in (list, tuple) and not self.sent:
                body = b"".join(result)
                self.check()
                self.send(body, len(body))
            else:
                for data in result:
                    self.check()
                    self.write(data)
                self.check()
                if not self.sent:
                    self.send(b"", 0)
                elif self.chunked:
                    self.send(b"", None, b"0\r\n\r\n")
            if self.left and not self.bodiless:
                raise ValueError(f"the application sent {self.left} bytes fewer than its Content-Length")
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()

    def check(self) -> None:
        if not self.status:
            raise RuntimeError("the application returned without a call of start_response")

    def refuse(self, status: str) -> None:
        """Answer with no more than a status, if nothing was sent yet, and end the connection."""
        self.keep_alive = False
        if not self.sent:
            self.status, self.headers = status, [("Content-Type", "text/plain; charset=utf-8")]
            body = status.encode() + b"\n"
            self.send(body, len(body))
