"""Whatever a server does, a page ends in the right named error, in its time, and the others are unharmed."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fetch import hostile

from weft import fetch

LIMITS = {"timeout": 2.0, "max_size": 5_000_000}


def outcome(url: str, **options: object) -> str:
    """The error's kind, or the status."""
    try:
        return str(fetch.get(url, **{**LIMITS, **options}).status)
    except fetch.FetchError as error:
        return error.kind if error.reason and error.url == url else f"no words: {error!r}"


@pytest.fixture(scope="module")
def enemy() -> Iterator[str]:
    words = [sys.executable, "-m", "tests.fetch.hostile"]
    with subprocess.Popen(words, cwd=Path(__file__).parents[2], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.stdin.close()
        process.kill()


def test_every_kind_at_once(enemy: str) -> None:
    began = time.monotonic()
    urls = {f"{enemy}/{kind.replace(' ', '%20')}": right for kind, (_, right) in hostile.KINDS.items()}
    good = [f"{enemy}/good/{number}" for number in range(200)]
    found = {}
    for result in fetch.fetch_all([*urls, *good], concurrency=100, **LIMITS):
        found[result.url] = result.kind if isinstance(result, fetch.FetchError) else str(result.status)
    wrong = {url: (found[url], right) for url, right in urls.items() if found[url] != right}
    assert not wrong
    assert {found[url] for url in good} == {"200"}
    assert time.monotonic() - began < 15
    assert len(urls) >= 40


@pytest.mark.parametrize("kind", hostile.HTTP2)
def test_http2(kind: str, tmp_path: Path) -> None:
    serve, right = hostile.HTTP2[kind]
    context = hostile.context_of(tmp_path, "localhost", (-1, 1), protocols=("h2",))
    with hostile.listening(serve, context) as port:
        assert outcome(f"https://localhost:{port}/", insecure=True) == right


def test_certificates(tmp_path: Path) -> None:
    contexts = {
        "expired": hostile.context_of(tmp_path, "localhost", (-9, -1)),
        "not yet": hostile.context_of(tmp_path, "localhost", (1, 9)),
        "of another": hostile.context_of(tmp_path, "example.org", (-1, 9), authority=True),
        "unknown": hostile.context_of(tmp_path, "localhost", (-1, 8)),
    }
    for name, context in contexts.items():
        with hostile.listening(None, context) as port:
            cacert = str(tmp_path / "example.org--1-9.pem")
            assert outcome(f"https://localhost:{port}/", cacert=cacert) == "certificate", name
            assert outcome(f"https://localhost:{port}/", insecure=True) == "200", name


def test_tls_that_is_none() -> None:
    with hostile.listening(hostile.answer(b"HTTP/1.1 400 plain\r\n\r\n")) as port:
        assert outcome(f"https://localhost:{port}/") == "tls"
    with hostile.listening(hostile.answer()) as port:
        assert outcome(f"https://localhost:{port}/") == "tls"
    with hostile.listening(hostile.stall) as port:
        assert outcome(f"https://localhost:{port}/") == "timeout"


def test_nobody_there() -> None:
    assert outcome("http://127.0.0.1:1/") == "connect"
    assert outcome("http://nowhere.invalid/") == "name"
    with socket.socket() as full:  # bound, never accepting
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        fill = [socket.socket() for _ in range(4)]
        for each in fill:
            each.setblocking(False)
            each.connect_ex(("127.0.0.1", port))
        assert outcome(f"http://127.0.0.1:{port}/", connect_timeout=0.5) == "timeout"
        for each in fill:
            each.close()


def test_redirects_without_end() -> None:
    with hostile.listening(hostile.redirect(b"/again")) as port:
        assert outcome(f"http://127.0.0.1:{port}/") == "redirects"
        assert outcome(f"http://127.0.0.1:{port}/", redirects=0) == "302"


def test_proxies(enemy: str) -> None:
    assert outcome("http://localhost/", proxy="http://127.0.0.1:1") == "proxy"
    assert outcome("http://localhost/", proxy="http://nowhere.invalid:80") == "proxy"
    assert outcome("http://localhost/", proxy="socks5://127.0.0.1:1") == "proxy"
    for words in (b"403 Forbidden", b"407 Who are you"):
        with hostile.listening(hostile.answer(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % words)) as port:
            assert outcome("https://localhost/", proxy=f"http://127.0.0.1:{port}") == "proxy"
    with hostile.listening(hostile.answer(b"nonsense")) as port:
        assert outcome("http://localhost/", proxy=f"socks5h://127.0.0.1:{port}") == "proxy"


@pytest.mark.parametrize(
    ("url", "right"),
    [
        ("http://{}/%00%0d%0aX:y", "200"),
        ("http://{}/ä/ö?ü", "200"),
        ("http://user:word@{}/", "200"),
        ("http://{}/" + "x" * 20_000, "200"),
        ("http://{}/#fragment", "200"),
        ("HTTP://{}/", "200"),
        ("http://bücher.invalid/", "name"),
        ("http://{}/a\r\nX: y", "address"),
        ("http://{}/\0", "address"),
        ("http://{}\\@nowhere.invalid/", "name"),
        ("http://[::1", "address"),
        ("http://a b/", "address"),
        ("http:///path", "address"),
        ("http://:80/", "address"),
        ("http://h:x/", "address"),
        ("http://h:99999/", "address"),
        ("//h/", "address"),
        ("file:///etc/passwd", "address"),
        ("javascript:alert(1)", "address"),
        ("", "address"),
        ("http://" + "x" * 300 + ".invalid/", "name"),
        ("http://\ud800/", "address"),
    ],
)
def test_odd_addresses(enemy: str, url: str, right: str) -> None:
    assert outcome(url.replace("{}", enemy.partition("://")[2])) == right


def test_memory_stays_small(enemy: str) -> None:
    """A hundred endless bodies and bombs at once."""
    program = f"""
import re
from weft.fetch import fetch_all
kinds = ["endless body", "gzip bomb", "brotli bomb", "endless headers", "gzip in gzip bomb"]
results = list(fetch_all([f"{enemy}/{{kind.replace(' ', '%20')}}" for kind in kinds * 4], max_size=1_000_000, timeout=20))
print(len(results), int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) // 1024)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50)
    count, megabytes = map(int, done.stdout.split())
    assert count == 20
    assert megabytes < 200
