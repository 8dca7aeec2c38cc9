"""The WSGI server, asked by http.client, by raw bytes, and by the standard library's own validator of WSGI."""

import http.client
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import pytest

import weft
import weft.socket
import weft.ssl
from weft.demo import certificate
from weft.wsgi import WSGIServer

TEXT = [("Content-Type", "text/plain")]


@contextmanager
def serving(application: Any, **options: Any) -> Iterator[WSGIServer]:
    """The server in a thread with a scheduler of its own, so that the tests' plain blocking clients can ask it."""
    server = WSGIServer(application, port=0, **options)
    stopped = weft.Event()

    def serve() -> None:
        weft.spawn(server.serve_forever)
        stopped.wait()
        server.stop(5)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield server
    finally:
        stopped.set()
        thread.join()


def echo(environ: dict[str, Any], start: Any) -> list[bytes]:
    """What came, as JSON."""
    body = environ["wsgi.input"].read()
    told = {key: value for key, value in environ.items() if isinstance(value, str)} | {"body": body.decode("latin-1")}
    start("200 OK", TEXT)
    return [json.dumps(told).encode()]


def connected(server: WSGIServer) -> closing[http.client.HTTPConnection]:
    return closing(http.client.HTTPConnection(*server.address, timeout=10))


def ask(server: WSGIServer, method: str = "GET", path: str = "/", body: Any = None, **headers: str) -> tuple[int, bytes]:
    """Status and body."""
    with connected(server) as connection:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        assert answer.getheader("set-cookie") is None
        return answer.status, answer.read()


def raw(server: WSGIServer, sent: bytes) -> bytes:
    """All that comes back until the server closes."""
    with weft.socket.create_connection(server.address, 10) as connection:
        connection.sendall(sent)
        got = b""
        while data := connection.recv(65536):
            got += data
        return got


def test_the_environment() -> None:
    with serving(echo) as server:
        told = json.loads(ask(server, "POST", "/a%20b/%C3%A9?x=1&y=%20", b"hello", X_Own="1", Content_Type="text/x")[1])
    assert told["REQUEST_METHOD"] == "POST"
    assert told["PATH_INFO"] == "/a b/é".encode().decode("latin-1")
    assert told["QUERY_STRING"] == "x=1&y=%20"
    assert (told["HTTP_X_OWN"], told["CONTENT_TYPE"], told["CONTENT_LENGTH"], told["body"]) == ("1", "text/x", "5", "hello")
    assert (told["SERVER_PROTOCOL"], told["REMOTE_ADDR"], told["wsgi.url_scheme"]) == ("HTTP/1.1", "127.0.0.1", "http")


@pytest.mark.filterwarnings("ignore::wsgiref.validate.WSGIWarning")
def test_the_validator_of_the_standard_library() -> None:
    def application(environ: dict[str, Any], start: Any) -> list[bytes]:
        body = environ["wsgi.input"].read(10)
        start("200 OK", TEXT)
        return [body, b"!"]

    with serving(validator(application)) as server:
        assert ask(server, "POST", "/", b"hello") == (200, b"hello!")
        assert ask(server, "GET", "/") == (200, b"!")


def test_many_requests_over_one_connection() -> None:
    with serving(echo) as server, connected(server) as connection:
        for number in range(50):
            connection.request("POST", f"/{number}", b"x" * number)
            told = json.loads(connection.getresponse().read())
            assert (told["PATH_INFO"], len(told["body"])) == (f"/{number}", number)


def test_pipelined_requests_are_answered_in_order() -> None:
    one = b"POST /%d HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    with serving(echo) as server:
        got = raw(server, b"".join(one % number for number in range(5)) + b"GET /end HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert [got.index(b'"PATH_INFO": "/%d"' % number) for number in range(5)] == sorted(
        got.index(b'"PATH_INFO": "/%d"' % n) for n in range(5)
    )
    assert got.count(b"HTTP/1.1 200 OK") == 6
    assert got.count(b'"body": "abc"') == 5


def test_a_body_in_chunks_and_one_that_nobody_reads() -> None:
    def application(environ: dict[str, Any], start: Any) -> list[bytes]:
        start("200 OK", TEXT)
        return [environ["wsgi.input"].readline() if environ["PATH_INFO"] == "/read" else b"unread"]

    with serving(application) as server, connected(server) as connection:
        for path, expected in (("/read", b"first\n"), ("/leave", b"unread"), ("/read", b"first\n")):
            connection.request("POST", path, iter([b"first\n", b"second\n"]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
            assert connection.getresponse().read() == expected


def test_a_large_body_passes_through_little_memory() -> None:
    def application(environ: dict[str, Any], start: Any) -> list[bytes]:
        size = 0
        while data := environ["wsgi.input"].read(100_000):
            size += len(data)
        start("200 OK", TEXT)
        return [str(size).encode()]

    with serving(application) as server:
        assert ask(server, "PUT", "/", (b"x" * 100_000 for _ in range(300)), Content_Length="30000000") == (200, b"30000000")


def test_a_word_before_the_body() -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    with serving(echo) as server, weft.socket.create_connection(server.address, 10) as connection:
        connection.sendall(head)
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"ok")
        assert b'"body": "ok"' in connection.recv(4096)


@pytest.mark.parametrize(
    ("version", "method", "expected"),
    [
        ("1.1", "GET", b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"),
        ("1.0", "GET", b"onetwo"),
        ("1.1", "HEAD", b""),
    ],
)
def test_an_answer_of_unknown_length(version: str, method: str, expected: bytes) -> None:
    def application(_: Any, start: Any) -> Iterator[bytes]:
        start("200 OK", TEXT)
        yield b"one"
        yield b""
        yield b"two"

    with serving(application) as server:
        got = raw(server, f"{method} / HTTP/{version}\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert got.partition(b"\r\n\r\n")[2] == expected


def test_write_and_close() -> None:
    closed = []

    class Pieces:
        def __iter__(self) -> Iterator[bytes]:
            yield b"second"

        def close(self) -> None:
            closed.append(True)

    def application(_: Any, start: Any) -> Any:
        start("200 OK", [*TEXT, ("Content-Length", "11")])(b"first")
        return Pieces()

    with serving(application) as server:
        assert ask(server) == (200, b"firstsecond")
    assert closed == [True]


def test_no_body_with_204_and_304() -> None:
    def application(environ: dict[str, Any], start: Any) -> list[bytes]:
        start(environ["PATH_INFO"][1:] + " Status", [])
        return []

    with serving(application) as server, connected(server) as connection:
        for status in (204, 304, 204):
            connection.request("GET", f"/{status}")
            answer = connection.getresponse()
            assert (answer.status, answer.read(), answer.getheader("content-length")) == (status, b"", None)


def wrong(kind: str) -> Callable[[Any, Any], Any]:
    def application(_: Any, start: Any) -> Any:
        if kind == "raises":
            raise KeyError("what the log should say")
        if kind == "late":
            start("200 OK", [*TEXT, ("Content-Length", "10")])
            return (1 / 0 if number else b"begun" for number in range(2))
        if kind == "injects":
            start("200 OK", [("X", "a\r\nSet-Cookie: b")])
        if kind == "more":
            start("200 OK", [("Content-Length", "1")])
        if kind == "twice":
            start("200 OK", TEXT)
            start("200 OK", TEXT)
        return [b"body"]

    return application


@pytest.mark.parametrize("kind", ["raises", "injects", "more", "silent", "twice"])
def test_an_application_that_fails_is_a_500_and_is_reported(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    with serving(wrong(kind)) as server:
        assert ask(server)[0] == 500
        assert ask(server)[0] == 500  # and the server goes on
    assert "error in the answer to GET /" in caplog.text


def test_an_answer_that_fails_halfway_is_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    with serving(wrong("late")) as server:
        got = raw(server, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
    assert got.count(b"HTTP/1.1") == 1
    assert got.endswith(b"begun")
    assert "error in the answer" in caplog.text


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", b"400"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 300_000, b"431"),
    ],
)
def test_requests_that_are_refused(sent: bytes, status: bytes) -> None:
    with serving(echo) as server:
        got = raw(server, sent)
    assert got.startswith(b"HTTP/1.1 " + status)
    assert got.count(b"HTTP/1.1") == 1


def test_a_header_with_an_underscore_is_nobody() -> None:
    with serving(echo) as server:
        got = raw(server, b"GET / HTTP/1.1\r\nHost: x\r\nX_User: root\r\nX-User: me\r\nX-User: you\r\nConnection: close\r\n\r\n")
    assert b'"HTTP_X_USER": "me,you"' in got


def test_clients_that_stall_are_let_go_and_hold_up_nobody() -> None:
    with serving(echo, timeout=0.3) as server:
        slow = [weft.socket.create_connection(server.address, 10) for _ in range(20)]
        for number, connection in enumerate(slow):
            connection.sendall([b"", b"GET / HT", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab"][number % 3])
        assert ask(server)[0] == 200
        for connection in slow:
            while connection.recv(4096):
                pass
            connection.close()


def test_stop_lets_a_request_end_and_closes_the_idle() -> None:
    began, go_on = threading.Event(), threading.Event()

    def application(_: Any, start: Any) -> list[bytes]:
        began.set()
        weft.offload(go_on.wait)
        start("200 OK", TEXT)
        return [b"done"]

    answers: list[bytes] = []
    with serving(application) as server:
        idle = weft.socket.create_connection(server.address, 10)
        client = threading.Thread(target=lambda: answers.append(ask(server)[1]))
        client.start()
        began.wait()
        threading.Timer(0.2, go_on.set).start()
    client.join()
    assert answers == [b"done"]
    assert idle.recv(1) == b""
    idle.close()


def test_tls(tmp_path: Path) -> None:
    made = certificate.make(tmp_path, ["localhost"])
    context = weft.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(made.chain), str(made.key))
    with serving(echo, context=context) as server:
        trust = ssl.create_default_context(cafile=str(made.authority))
        connection = http.client.HTTPSConnection("localhost", server.address[1], timeout=10, context=trust)
        connection.request("GET", "/")
        assert json.loads(connection.getresponse().read())["wsgi.url_scheme"] == "https"
        connection.close()
        with suppress(ConnectionError), weft.socket.create_connection(server.address, 10) as nonsense:
            nonsense.sendall(b"GET / HTTP/1.1\r\n\r\n")
            while nonsense.recv(4096):
                pass
    with pytest.raises(TypeError, match=r"must be a weft\.ssl\.SSLContext"):
        WSGIServer(echo, port=0, context=object())  # type: ignore[arg-type]


def test_flask() -> None:
    import flask

    application = flask.Flask(__name__)

    @application.post("/sum")
    def total() -> Any:
        weft.sleep(0.01)
        return {"sum": sum(flask.request.get_json())}

    with serving(application) as server:
        status, body = ask(server, "POST", "/sum", b"[1, 2, 3]", Content_Type="application/json")
        assert (status, json.loads(body)) == (200, {"sum": 6})


def test_a_thousand_clients_at_once() -> None:
    def application(_: Any, start: Any) -> list[bytes]:
        weft.sleep(0.2)
        start("200 OK", TEXT)
        return [b"x"]

    server = WSGIServer(application, port=0)
    serving_task = weft.spawn(server.serve_forever)

    def client() -> bytes:
        with weft.socket.create_connection(server.address) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return connection.recv(4096)

    answers = weft.joinall([weft.spawn(client) for _ in range(1000)])
    assert len(answers) == 1000
    server.stop()
    serving_task.join()
    assert not server.tasks
    assert not server.idle
