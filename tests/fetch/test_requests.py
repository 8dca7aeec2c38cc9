"""What is sent, and by which way."""

import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from tests.fetch import hostile

from weft import fetch


def said(site: str, **options: object) -> list[str]:
    """The lines of the request, as the server saw them."""
    return fetch.get(f"{site}/echo", **options).body.decode().split("\n")


def test_who_asks(site: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Authorization: Bearer secret" in said(site, bearer="secret")
    assert "Cookie: a=1; b=2" in said(site, cookie="a=1; b=2")
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret\n")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "Authorization: Basic bWU6c2VjcmV0" in said(site, netrc=True)
    assert not any(line.startswith("Authorization") for line in said(site))


def test_what_is_asked_for(site: str) -> None:
    assert "Range: bytes=0-9" in said(site, range="0-9")
    assert any(line.startswith("Accept-Encoding: ") and "gzip" in line and "br" in line for line in said(site))
    assert not any(line.startswith("Accept-Encoding") for line in said(site, compressed=False))
    assert fetch.get(f"{site}/to//bytes/1", redirects=0).status == 302


def test_which_way(site: str) -> None:
    port = site.rpartition(":")[2]
    assert fetch.get(f"http://localhost:{port}/bytes/1", ip=4).address == "127.0.0.1"
    with pytest.raises(fetch.FetchError) as caught:
        fetch.get(f"http://localhost:{port}/bytes/1", ip=6)
    assert caught.value.kind in ("connect", "name")
    page = fetch.get(f"http://somewhere.example:{port}/bytes/1", resolve=(f"somewhere.example:{port}:127.0.0.1",))
    assert (page.size, page.address, page.http) == (1, "127.0.0.1", "1.1")
    assert 0 <= time.time() - page.began < 10


def test_a_proxy(site: str) -> None:
    with hostile.listening(hostile.answer(hostile.OK + b"Content-Length: 5\r\n\r\nproxy")) as port:
        assert fetch.get("http://somewhere.invalid/", proxy=f"http://127.0.0.1:{port}").body == b"proxy"


@pytest.fixture
def socks(site: str) -> Iterator[int]:
    """A SOCKS5 proxy (RFC 1928) for one connection, to the site whatever is asked for."""
    port = int(site.rpartition(":")[2])

    def serve(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"\5\0")
        connection.recv(1000)
        connection.sendall(b"\5\0\0\1\x7f\0\0\1\0\0")
        with closing(socket.create_connection(("127.0.0.1", port))) as other:
            back = threading.Thread(target=pump, args=(other, connection), daemon=True)
            back.start()
            pump(connection, other)

    with hostile.listening(serve) as proxy:
        yield proxy


def pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):  # the other direction ended, and closed both
        while piece := source.recv(65536):
            target.sendall(piece)


def test_a_socks_proxy(socks: int) -> None:
    assert fetch.get("http://somewhere.invalid/bytes/7", proxy=f"socks5h://127.0.0.1:{socks}").size == 7


def test_a_client_certificate(tmp_path: Path) -> None:
    server = hostile.context_of(tmp_path, "localhost", (-1, 1), authority=True)
    hostile.context_of(tmp_path, "client", (-1, 1), authority=True)
    client = str(tmp_path / "client--1-1.pem")
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(client)
    with hostile.listening(None, server) as port:
        cacert = str(tmp_path / "localhost--1-1.pem")
        assert fetch.get(f"https://localhost:{port}/", cacert=cacert, cert=client).body == b"ok"
        with pytest.raises(fetch.FetchError) as caught:
            fetch.get(f"https://localhost:{port}/", cacert=cacert)
        assert caught.value.kind in ("tls", "reset")


def test_each_timeout_has_its_words(site: str) -> None:
    with pytest.raises(fetch.FetchError, match=r"no answer within 0\.3 s") as caught:
        fetch.get(f"{site}/slow/5", first_byte_timeout=0.3)
    assert caught.value.kind == "timeout"
    with hostile.listening(hostile.KINDS["no body"][0]) as port, pytest.raises(fetch.FetchError, match="not a byte within 1 s"):
        fetch.get(f"http://127.0.0.1:{port}/", idle_timeout=1)


def test_http2_is_shared(tmp_path: Path) -> None:
    """Thirty pages over one connection: see tests/programs/test_bench_fetch.py for a real server; here it is asked for."""
    context = hostile.context_of(tmp_path, "localhost", (-1, 1), protocols=("h2", "http/1.1"))
    with hostile.listening(None, context) as port:
        assert fetch.get(f"https://localhost:{port}/", insecure=True, http="1.1").http == "1.1"


def test_no_descriptor_is_left(site: str) -> None:
    program = f"""
import resource
from weft.fetch import fetch_all
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
results = list(fetch_all(["{site}/slow/0.3"] * 100, concurrency=100))
print({{getattr(result, "reason", "")[:28] for result in results}})
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50)
    assert "no descriptor is left" in done.stdout, done.stderr
