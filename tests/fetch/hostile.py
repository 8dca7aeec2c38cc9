"""A server that does everything wrong: each path a kind of it; ``python -m tests.fetch.hostile`` prints its port.

Threads with plain sockets serve it, in a process of its own (the endless ones would take the client's) or in the test's.
"""

import contextlib
import datetime
import gzip
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import brotli
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Serve = Callable[[socket.socket], None]
BOMB = b"\0" * 50_000_000
OK = b"HTTP/1.1 200 OK\r\n"
PATIENCE = 20  # seconds that a server keeps on


def reset(connection: socket.socket) -> None:
    """Close with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def answer(*pieces: bytes, pause: float = 0.0, then: Serve | None = None) -> Serve:
    def serve(connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause)
        if then is not None:
            then(connection)

    return serve


def for_ever(first: bytes, piece: bytes, pause: float = 0.0) -> Serve:
    def serve(connection: socket.socket) -> None:
        connection.sendall(first)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            connection.sendall(piece)
            time.sleep(pause)

    return serve


def packed(encoding: bytes, body: bytes) -> Serve:
    return answer(OK + b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (encoding, len(body)), body)


def stall(connection: socket.socket) -> None:
    time.sleep(PATIENCE)


def redirect(to: bytes) -> Serve:
    return answer(b"HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % to)


GZIP = gzip.compress(b"text " * 1000)
KINDS: dict[str, tuple[Serve, str]] = {
    "close at once": (answer(), "reset"),
    "reset at once": (reset, "reset"),
    "close in the status line": (answer(b"HTTP/1."), "reset"),
    "close in the headers": (answer(OK + b"Content-Le"), "reset"),
    "reset in the headers": (answer(OK + b"Content-Le", pause=0.1, then=reset), "reset"),
    "reset after the headers": (answer(OK + b"Content-Length: 100\r\n\r\n", pause=0.1, then=reset), "reset"),
    "reset in the body": (answer(OK + b"Content-Length: 100\r\n\r\nabc", pause=0.1, then=reset), "reset"),
    "short body": (answer(OK + b"Content-Length: 100\r\n\r\nabc"), "short"),
    "long body": (answer(OK + b"Content-Length: 3\r\n\r\nabcdef"), "200"),
    "bad chunk size": (answer(OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n"), "protocol"),
    "huge chunk size": (answer(OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\nabc"), "protocol"),
    "chunks that end too early": (answer(OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"), "short"),
    "unknown transfer encoding": (answer(OK + b"Transfer-Encoding: nonsense\r\n\r\nabc"), "encoding"),
    "endless header line": (for_ever(OK + b"X: ", b"x" * 65536), "headers"),
    "endless headers": (for_ever(OK, b"X-More: and more\r\n" * 1000), "headers"),
    "endless interim answers": (for_ever(b"", b"HTTP/1.1 100 Continue\r\nX: %s\r\n\r\n" % (b"x" * 60000)), "headers"),
    "endless trailers": (for_ever(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: %s\r\n" % (b"x" * 60000)), "headers"),
    "endless body": (for_ever(OK + b"\r\n", b"x" * 65536), "size"),
    "endless chunks": (for_ever(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n"), "size"),
    "drip of headers": (for_ever(OK, b"X", 0.1), "timeout"),
    "drip of the body": (for_ever(OK + b"Content-Length: 1000\r\n\r\n", b"x", 0.1), "timeout"),
    "no answer": (stall, "timeout"),
    "no body": (answer(OK + b"Content-Length: 10\r\n\r\n", then=stall), "timeout"),
    "redirect to a file": (redirect(b"file:///etc/passwd"), "address"),
    "redirect to ftp": (redirect(b"ftp://127.0.0.1/x"), "address"),
    "redirect to gopher": (redirect(b"gopher://127.0.0.1/x"), "address"),
    "redirect to nowhere": (redirect(b"http://nowhere.invalid/"), "name"),
    "redirect to a closed port": (redirect(b"http://127.0.0.1:1/"), "connect"),
    "redirect to nonsense": (redirect(b"http://[::1/"), "address"),
    "gzip bomb": (packed(b"gzip", gzip.compress(BOMB, 9)), "size"),
    "gzip in gzip bomb": (packed(b"gzip, gzip", gzip.compress(gzip.compress(BOMB, 9), 9)), "size"),
    "brotli bomb": (packed(b"br", brotli.compress(BOMB, quality=5)), "size"),
    "many encodings": (packed(b", ".join([b"gzip"] * 50), b"x"), "encoding"),
    "damaged gzip": (packed(b"gzip", GZIP[:30] + b"nonsense" + GZIP[38:]), "encoding"),
    "gzip that is none": (packed(b"gzip", b"nonsense"), "encoding"),
    "brotli that is none": (packed(b"br", b"\xff" * 100), "encoding"),
    "unknown encoding": (packed(b"nonsense", b"x"), "encoding"),
    "nonsense": (answer(b"nonsense\r\n\r\n"), "protocol"),
    "unknown version": (answer(b"HTTP/7.3 200 OK\r\n\r\n"), "protocol"),
    "a status that is no number": (answer(b"HTTP/1.1 abc OK\r\n\r\n"), "protocol"),
    "two lengths": (answer(OK + b"Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde"), "protocol"),
    "negative length": (answer(OK + b"Content-Length: -3\r\n\r\nabc"), "protocol"),
    "length that is no number": (answer(OK + b"Content-Length: many\r\n\r\nabc"), "protocol"),
    "NUL in a header": (answer(OK + b"X: a\0b\r\nContent-Length: 0\r\n\r\n"), "protocol"),
    "a header without a colon": (answer(OK + b"nonsense\r\nContent-Length: 0\r\n\r\n"), "protocol"),
    "body of a 204": (answer(b"HTTP/1.1 204 No Content\r\n\r\nbody"), "204"),
    "too busy": (answer(b"HTTP/1.1 429 Too Many\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"), "429"),
    "too busy for long": (answer(b"HTTP/1.1 503 Busy\r\nRetry-After: 99999\r\nContent-Length: 0\r\n\r\n"), "503"),
    "too busy at an odd time": (answer(b"HTTP/1.1 503 Busy\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n"), "503"),
    "control characters in a header": (answer(OK + b"X: \x1b[31m\x07\r\nContent-Length: 0\r\n\r\n"), "200"),
}


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """A frame of HTTP/2 (RFC 9113, section 4.1)."""
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


SETTINGS = frame(4, 0, 0, b"")
HTTP2: dict[str, tuple[Serve, str]] = {
    "goaway": (answer(SETTINGS, frame(7, 0, 0, struct.pack(">II", 0, 11)), pause=0.05), "protocol"),
    "reset of a stream": (answer(SETTINGS, frame(3, 0, 1, struct.pack(">I", 2)), pause=0.05, then=stall), "protocol"),
    "nonsense for frames": (answer(b"nonsense" * 100, pause=0.05), "protocol"),
    "headers that do not unpack": (answer(SETTINGS, frame(1, 5, 1, b"\xff" * 50), pause=0.05, then=stall), "protocol"),
    "settings and silence": (answer(SETTINGS, then=stall), "timeout"),
    "settings without end": (for_ever(SETTINGS, SETTINGS * 5000), "protocol"),
    "close after the settings": (answer(SETTINGS, pause=0.05), "reset"),
}


def serve_connection(connection: socket.socket, serve: Serve | None, context: ssl.SSLContext | None) -> None:
    with contextlib.suppress(OSError, ValueError), connection:
        connection.settimeout(PATIENCE)
        wrapped = context.wrap_socket(connection, server_side=True) if context else connection
        with wrapped:
            if serve is None:
                head = b""
                while b"\r\n\r\n" not in head:
                    piece = wrapped.recv(65536)
                    if not piece:
                        return
                    head += piece
                path = head.split(b" ")[1].decode().strip("/").replace("%20", " ")
                serve = KINDS[path][0] if path in KINDS else answer(OK + b"Content-Length: 2\r\n\r\nok")
            serve(wrapped)


@contextmanager
def listening(serve: Serve | None = None, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A port of the server: the path says what it does, or `serve` does."""
    with socket.create_server(("127.0.0.1", 0), backlog=500) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=serve_connection, args=(connection, serve, context), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def context_of(
    folder: Path, name: str, days: tuple[float, float], authority: bool = False, protocols: tuple[str, ...] = ()
) -> ssl.SSLContext:
    """A TLS server's side, with a certificate that signs itself, of those days from now; its PEM is ``<folder>/<name>.pem``."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    begin, end = (now + datetime.timedelta(days=number) for number in days)
    unsigned = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), begin, end)
    unsigned = unsigned.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
    unsigned = unsigned.add_extension(x509.BasicConstraints(authority, None), True)
    signed = unsigned.sign(key, hashes.SHA256())
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path = folder / f"{name}-{days[0]}-{days[1]}.pem"
    path.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + key.private_bytes(*form))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


if __name__ == "__main__":
    with listening() as own:
        print(own, flush=True)
        sys.stdin.read()
