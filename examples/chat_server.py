"""A chat server: a task for each client, and what one says is heard by all. Try it with `nc localhost 8000` in two windows.

python examples/chat_server.py --port 8000
"""

from weft import monkey

monkey.patch_all()

import argparse
import socket

import weft

clients: dict[socket.socket, str] = {}


def tell(line: str) -> None:
    """Send a line to everybody; who does not take it within a second is left behind."""
    for client in list(clients):
        try:
            with weft.timeout(1):
                client.sendall(f"{line}\n".encode())
        except OSError:  # it has gone, or is too slow (TimeoutError)
            clients.pop(client, None)


def serve(client: socket.socket) -> None:
    """One client, from its first line, its name, to its last."""
    with client, client.makefile("r", encoding="utf-8", errors="replace") as lines:
        try:
            clients[client] = name = lines.readline().strip() or "somebody"
            tell(f"{name} has come")
            for line in lines:
                tell(f"{name}: {line.rstrip()}")
        except ConnectionError:
            pass
        finally:
            if clients.pop(client, None):
                tell(f"{name} has gone")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A chat server.")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    with socket.create_server(("127.0.0.1", options.port)) as listener, weft.TaskGroup() as group:
        print(f"listening at port {listener.getsockname()[1]}; Ctrl-C ends it", flush=True)
        try:
            while True:
                group.spawn(serve, listener.accept()[0])
        except KeyboardInterrupt:
            group.cancel()
