"""A TCP proxy: what comes in at one port goes to another address, and back.

python examples/tcp_proxy.py 8001 localhost:8000
"""

from weft import monkey

monkey.patch_all()

import argparse
import socket

import weft


def pump(source: socket.socket, target: socket.socket) -> None:
    """One direction; its end is passed on, and the other direction may go on."""
    while data := source.recv(65536):
        target.sendall(data)
    target.shutdown(socket.SHUT_WR)


def serve(client: socket.socket, host: str, port: int) -> None:
    """One connection; if either side breaks, the other is closed, too."""
    with client:
        try:
            with socket.create_connection((host, port), timeout=10) as server, weft.TaskGroup() as group:
                server.settimeout(None)
                group.spawn(pump, client, server)
                group.spawn(pump, server, client)
        except* OSError as errors:
            print(f"connection ended: {errors.exceptions[0]}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A TCP proxy.")
    parser.add_argument("port", type=int)
    parser.add_argument("target", metavar="HOST:PORT")
    options = parser.parse_args()
    host, _, port = options.target.rpartition(":")
    with socket.create_server(("127.0.0.1", options.port)) as listener, weft.TaskGroup() as group:
        print(f"listening at port {listener.getsockname()[1]}; Ctrl-C ends it", flush=True)
        try:
            while True:
                group.spawn(serve, listener.accept()[0], host, int(port))
        except KeyboardInterrupt:
            group.cancel()
