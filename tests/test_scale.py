"""As many as are promised, and a million of what is done most, without growing. Each in a process of its own."""

from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

Run = Callable[..., CompletedProcess[str]]

RESIDENT = """
import os, resource, weft
from weft import socket

def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
"""


def test_ten_thousand_open_sockets(run_python: Run) -> None:
    done = run_python(
        RESIDENT
        + """
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
if hard != resource.RLIM_INFINITY and hard < 10_100:
    raise SystemExit(f"this machine allows {hard} descriptors")
resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 10_100), hard))
listener = socket.create_server(("127.0.0.1", 0), backlog=5000)
def serve():
    while True:
        weft.spawn(echo, listener.accept()[0])
def echo(connection):
    with connection:
        while data := connection.recv(100):
            connection.sendall(data)
weft.spawn(serve)
everybody = weft.Event()
connected = 0
def client(number):
    global connected
    with socket.create_connection(listener.getsockname()) as connection:
        connected += 1
        everybody.wait(60)
        connection.sendall(b"%d" % number)
        return int(connection.recv(100))
clients = [weft.spawn(client, number) for number in range(5000)]
while connected < 5000:
    weft.sleep(0.01)
everybody.set()
print(sum(task.result() for task in clients) == sum(range(5000)))
""",
        timeout=60,
    )
    assert done.stdout == "True\n"


def test_a_parked_task_takes_at_most_7_kb(run_python: Run) -> None:
    done = run_python(
        RESIDENT
        + """
asleep = 0
def nap():
    global asleep
    asleep += 1
    weft.sleep(3600)
before = resident()
tasks = [weft.spawn(nap) for _ in range(20_000)]
while asleep < 20_000:
    weft.sleep(0.01)
print((resident() - before) / 20_000, flush=True)
os._exit(0)
"""
    )
    assert float(done.stdout) < 7 * 1024


@pytest.mark.slow
def test_a_million_reads_leave_nothing_behind(run_python: Run) -> None:
    done = run_python(
        RESIDENT
        + """
ours, theirs = socket.socketpair()
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
peer, _ = server.accept()
def send(count):
    for _ in range(count):
        peer.sendall(b"x" * 100)
        weft.sleep(0)
def receive(count):
    got = 0
    while got < count * 100:
        got += len(client.recv(100))
def batch(count):
    weft.joinall([weft.spawn(send, count), weft.spawn(receive, count)])
batch(50_000)
before = resident()
batch(1_000_000)
print(resident() - before)
""",
        timeout=60,
    )
    assert int(done.stdout) < 1_000_000
