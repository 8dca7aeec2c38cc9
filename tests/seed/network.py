"""Run in a network namespace of its own: bring up loopback, let the seed's names lead there, serve them over HTTPS, and run the program."""

import fcntl
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SIZES = {"www.python.org": 47424, "github.com": 25735, "blog.ansheng.me": 82693}
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        time.sleep(0.5)
        body = b"." * SIZES[self.headers["Host"]]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14x", b"lo", 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(control, SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags | IFF_UP))


settings = json.loads(sys.argv[1])
raise_loopback()
hosts = Path(settings["folder"], "hosts")
hosts.write_text("".join(f"127.0.0.1 {name}\n" for name in ["localhost", *SIZES]))
subprocess.run(["mount", "--bind", hosts, "/etc/hosts"], check=True)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(settings["chain"], settings["key"])
server = ThreadingHTTPServer(("127.0.0.1", 443), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
command = [sys.executable, "-m", "weft", "run", "--as-gevent", sys.argv[2]]
done = subprocess.run(command, env={**os.environ, "SSL_CERT_FILE": settings["authority"]})
sys.stdout.flush()
os._exit(done.returncode)
