"""The servers that the fetchers are measured against, on the second processor: nginx, and one of weft's own that takes its time."""

import os
import random
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.work import pin
from weft.demo import certificate as certificates

DELAY = 0.1  # seconds of the slow server
CONFIGURATION = """
daemon off; master_process off; pid nginx.pid; error_log stderr; worker_rlimit_nofile 65536;
events {{ worker_connections 20000; multi_accept on; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; keepalive_timeout 300; open_file_cache max=100;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  http2_max_requests 1000000;
  server {{
    listen 127.0.0.1:{plain} backlog=4096; listen 127.0.0.1:{tls} ssl http2 backlog=4096;
    server_name localhost; ssl_certificate {certificate.chain}; ssl_certificate_key {certificate.key}; root .;
    location /4/ {{ rewrite ^ /4.html break; }}
    location /50/ {{ rewrite ^ /50.html break; }}
    location /served {{ stub_status; }}
  }}
}}
"""


@dataclass(frozen=True)
class Origin:
    """Where the servers are."""

    plain: int
    tls: int
    slow: int
    certificate: Path  # of the authority to trust


def free_port() -> int:
    """A port that nobody has now, of those that the system gives no client."""
    while True:
        port = random.randrange(10_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@contextmanager
def origin(slow: bool = False) -> Iterator[Origin]:
    """Run the servers until the block ends; they, and who runs them, may have as many connections as the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        certificate = certificates.make(folder, ["localhost", "127.0.0.1"])
        for size in (4, 50):
            text = "".join(f"<p>line {number} of a page</p>\n" for number in range(size * 50))
            (folder / f"{size}.html").write_text((text * 2)[: size * 1024])
        ports = free_port(), free_port()
        (folder / "nginx.conf").write_text(CONFIGURATION.format(plain=ports[0], tls=ports[1], certificate=certificate))
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        command: list[str | Path] = [program, "-p", folder, "-c", "nginx.conf", "-g", "user root;" if os.geteuid() == 0 else ""]
        slow_port = free_port() if slow else 0
        servers = [subprocess.Popen(command, cwd=folder, preexec_fn=lambda: pin(1), stderr=subprocess.DEVNULL)]
        if slow:
            servers.append(subprocess.Popen([sys.executable, "-m", "bench.origin", str(slow_port)], preexec_fn=lambda: pin(1)))
        try:
            for port in (*ports, *([slow_port] if slow else [])):
                answering(port)
            yield Origin(*ports, slow_port, certificate.authority)
        finally:
            for server in servers:
                server.kill()
                server.wait()


def answering(port: int) -> None:
    """Wait until a server answers."""
    end = time.monotonic() + 20
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def serve_slowly(port: int) -> None:
    """4 KB after a while, to whoever asks."""
    import weft
    import weft.socket

    answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 4096\r\n\r\n" + b"x" * 4096

    def serve(connection: weft.socket.socket) -> None:
        with connection:
            while connection.recv(4096):
                weft.sleep(DELAY)
                connection.sendall(answer)

    listener = weft.socket.create_server(("127.0.0.1", port), backlog=4096)
    while True:
        weft.spawn(serve, listener.accept()[0])


if __name__ == "__main__":
    serve_slowly(int(sys.argv[1]))
