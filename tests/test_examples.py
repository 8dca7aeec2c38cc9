"""The examples do what they say, each in a process of its own, as a newcomer would run them."""

import http.server
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(name: str, *arguments: object) -> str:
    command = [sys.executable, "-X", "dev", "-W", "error", str(EXAMPLES / f"{name}.py"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50)
    errors = [line for line in done.stderr.splitlines() if not line.startswith("<weft.Pipeline")]  # its progress
    assert (done.returncode, errors) == (0, []), done.stdout + done.stderr
    return done.stdout


class Site(http.server.BaseHTTPRequestHandler):
    """Ten pages that link to each other, one that is missing, and a link that leads away."""

    def do_GET(self) -> None:
        number = int(re.sub(r"\D", "", self.path) or 0)
        links = "".join(f'<a href="/{other}#top">{other}</a>' for other in (number + 1, 2 * number) if other < 10)
        page = f'{links}<a href="/missing">?</a><a href="http://elsewhere.invalid/">away</a>'.encode()
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


class Server:
    """An example that serves until Ctrl-C."""

    def __init__(self, name: str, *arguments: object) -> None:
        command = [sys.executable, "-u", str(EXAMPLES / f"{name}.py"), *map(str, arguments)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert self.process.stdout is not None
        self.line = self.process.stdout.readline()

    def __enter__(self) -> int:
        return int(self.line.split("port ")[1].split(";")[0])

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGINT)
        output, _error = self.process.communicate(timeout=20)
        assert (self.process.returncode, output) == (0, "")


def test_download(site: str) -> None:
    output = run("download", site, f"{site}1", f"{site}missing", "http://127.0.0.1:1/", "nonsense")
    assert len(output.splitlines()) == 5
    assert "404" in output
    assert "refused" in output


def test_producer_consumer() -> None:
    output = run("producer_consumer", "--orders", 12, "--cooks", 3)
    assert output.endswith("dishes made: 12\n")
    assert sorted(re.findall(r"served (\d+)", output), key=int) == [str(number) for number in range(1, 13)]


def test_port_scanner() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        output = run("port_scanner", "--ports", f"{port - 100}-{port + 100}")
    assert output.startswith("201 ports")
    assert str(port) in output.split(":")[1].split()


def test_chat_server() -> None:
    with Server("chat_server", "--port", 0) as port:
        ann, bob = (socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(2))
        with ann, bob, ann.makefile("r") as ann_hears, bob.makefile("r") as bob_hears:
            ann.sendall(b"ann\n")
            assert ann_hears.readline() == "ann has come\n"
            bob.sendall(b"bob\nhello\n")
            assert [ann_hears.readline() for _ in range(2)] == ["bob has come\n", "bob: hello\n"]
            assert [bob_hears.readline() for _ in range(2)] == ["bob has come\n", "bob: hello\n"]
            bob.shutdown(socket.SHUT_RDWR)
            assert ann_hears.readline() == "bob has gone\n"


def test_rate_limited(site: str) -> None:
    output = run("rate_limited", f"{site}{{}}", "--items", 10, "--rate", 50)
    assert output.startswith("10 of 10 answered")
    assert float(output.split("answered in ")[1].split()[0]) >= 9 / 50


def test_crawler(site: str) -> None:
    lines = run("crawler", site).splitlines()
    assert lines[-1] == "12 pages"  # the root, 0 to 9, and the missing one
    assert sum("Error 404" in line for line in lines) == 1


def test_tcp_proxy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as target, Server("tcp_proxy", 0, f"127.0.0.1:{target.getsockname()[1]}") as port:
        client = socket.create_connection(("127.0.0.1", port), timeout=20)
        server, _ = target.accept()
        with client, server:
            client.sendall(b"question")
            client.shutdown(socket.SHUT_WR)
            server.settimeout(20)
            assert server.recv(100) == b"question"
            assert server.recv(100) == b""
            server.sendall(b"answer")
            server.close()
            assert client.recv(100) == b"answer"
            assert client.recv(100) == b""


def test_worker_pool() -> None:
    output = run("worker_pool", "--jobs", 30, "--seed", 1)
    done, failed = map(int, re.findall(r"(\d+) jobs done, (\d+) given up", output)[0])
    assert done + failed == 30
    assert done > 20


def test_periodic() -> None:
    output = run("periodic", "--seconds", 1.05).splitlines()
    assert 5 <= output.count("tick") <= 11
    assert "slow job done" in output
    assert "broken failed: RuntimeError('as usual')" in output
    assert output[-1] == "ended"


def test_big_file(tmp_path: Path) -> None:
    file = tmp_path / "big"
    file.write_text("the quick brown fox jumps over the lazy dog\n" * 50_000)
    assert run("big_file", file, "--top", 2).split()[:2] == ["100,000", "the"]


def test_every_example_is_tested_and_listed() -> None:
    names = {path.stem for path in EXAMPLES.glob("*.py")}
    listed = set(re.findall(r"\]\((\w+)\.py\)", (EXAMPLES / "README.md").read_text()))
    assert (
        names
        == listed
        == {name.removeprefix("test_") for name in globals() if name.startswith("test_")} - {"every_example_is_tested_and_listed"}
    )
