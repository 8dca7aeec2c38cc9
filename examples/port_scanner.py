"""Find the open TCP ports of this machine.

python examples/port_scanner.py --ports 1-1024
"""

from weft import monkey

monkey.patch_all()

import argparse
import socket

import weft


def is_open(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody listens at `port`."""
    with weft.move_on_after(2), socket.socket() as connection:
        return connection.connect_ex((host, port)) == 0
    return False


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Find the open TCP ports of this machine.")
    parser.add_argument("--ports", default="1-1024", metavar="FIRST-LAST")
    parser.add_argument("-n", type=int, default=500, help="connections at a time (default 500)")
    options = parser.parse_args()
    first, _, last = options.ports.partition("-")
    ports = range(int(first), int(last or first) + 1)
    found = [port for port, opened in zip(ports, weft.map(is_open, ports, concurrency=options.n), strict=True) if opened]
    print(f"{len(ports)} ports, {len(found)} open:", *found)
