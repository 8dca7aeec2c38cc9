"""Accepting on listeners that others share."""

import os
import socket as standard
import struct
from collections.abc import Callable
from subprocess import CompletedProcess

import pytest

import weft
from weft import socket

Run = Callable[..., "CompletedProcess[str]"]

PREFORKED = """
import os, sys
import weft, weft.os
from weft import socket
from weft._core import accepting

if sys.argv[1] == "without a ring":
    accepting.do_without_ring()
listener = socket.create_server(("127.0.0.1", 0), backlog=100)
reader, writer = os.pipe()
children = []
for _ in range(4):
    pid = os.fork()
    if not pid:
        turns = 0

        def serve():
            while True:
                connection, _ = listener.accept()
                connection.recv(1)
                os.write(writer, b"%d;" % os.getpid())
                connection.close()

        weft.spawn(serve)
        weft.spawn(serve)
        parent = os.getppid()
        while os.getppid() == parent:  # while the siblings are faster, this thread goes on
            weft.sleep(0.001)
            turns += 1
            if turns == 100:
                os.write(writer, b"alive;")
        os._exit(0)
    children.append(pid)
for _ in range(100):
    with socket.create_connection(listener.getsockname()) as connection:
        connection.send(b"x")
        connection.recv(1)
seen = b""
while seen.count(b"alive") < 4:
    seen += weft.os.read(reader, 1000)
print(seen.count(b";") - 4)
for pid in children:
    os.kill(pid, 9)
    os.waitpid(pid, 0)
"""


@pytest.mark.parametrize("way", ["by the ring", "without a ring"])
def test_preforked_servers_never_stand_still(run_python: Run, way: str) -> None:
    assert int(run_python(PREFORKED, way).stdout) >= 100


FAMILIES = [standard.AF_INET, standard.AF_INET6, standard.AF_UNIX]


@pytest.mark.parametrize("family", FAMILIES)
def test_addresses_and_modes_are_those_of_the_standard_module(family: int, tmp_path: os.PathLike[str]) -> None:
    hosts = {standard.AF_INET: ("127.0.0.1", 0), standard.AF_INET6: ("::1", 0)}

    def look(module: object, name: str) -> list[object]:
        make = module.socket  # type: ignore[attr-defined]
        with make(family) as listener:
            try:
                listener.bind(hosts.get(standard.AddressFamily(family), f"\0weft-{os.getpid()}-{name}"))
            except OSError:
                pytest.skip("the machine has no such family")
            listener.listen()
            seen: list[object] = []
            # type: ignore[operator]
            for bound in (None, str(tmp_path / name) if family == standard.AF_UNIX else None):
                with make(family) as client:
                    if bound is not None:
                        client.bind(bound)
                    client.connect(listener.getsockname())
                    accepted, address = listener.accept()
                    with accepted:
                        seen += [type(address), len(address) if bound is None else address == bound, address == client.getsockname()]
                        seen += [accepted.get_inheritable(), accepted.getblocking(), os.get_blocking(accepted.fileno())]
            seen.append(os.get_blocking(listener.fileno()))
            for timeout in (0, 0.001):
                listener.settimeout(timeout)
                with pytest.raises((BlockingIOError, TimeoutError)) as caught:
                    listener.accept()
                seen.append(repr(caught.value))
            with make(family) as other, pytest.raises(OSError, match=r".") as caught:
                other.accept()
            seen.append(repr(caught.value))
        with pytest.raises(OSError, match="Bad file descriptor"):
            listener.accept()
        return seen

    assert look(socket, "twin") == look(standard, "standard")


def test_a_listener_s_own_timeout_counts_and_is_inherited() -> None:
    short = struct.pack("ll", 0, 10_000)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(standard.SOL_SOCKET, standard.SO_RCVTIMEO, short)
        with pytest.raises(BlockingIOError):
            weft.spawn(listener.accept).result(timeout=30)
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
            with accepted, pytest.raises(BlockingIOError):
                weft.spawn(accepted.recv, 1).result(timeout=30)


STOLEN = """
import os, socket as standard, sys, threading
import weft
from weft import native, socket
from weft._core import accepting

accepting.do_without_ring()
listener = standard.create_server(("127.0.0.1", 0))
ours = socket.socket(fileno=standard.dup(listener.fileno()))
ours.settimeout(0.05)
sys.setswitchinterval(1e-6)


def steal():
    while True:
        listener.accept()[0].close()


def connect():
    while True:
        standard.create_connection(listener.getsockname()).close()


def accept():
    try:
        ours.accept()[0].close()
    except TimeoutError:
        return "timed out"


for work in (steal, connect):
    threading.Thread(target=work, daemon=True).start()
tasks = [weft.spawn(lambda: [accept() for _ in range(30)]) for _ in range(3)]
for task in tasks:
    task.result(timeout=30)
print("done", flush=True)
os._exit(0)  # in the middle of what the threads do: the interpreter's end has races of its own there
"""


def test_a_helped_accept_times_out_as_any_other(run_python: Run) -> None:
    assert run_python(STOLEN).stdout == "done\n"


def test_a_connection_that_nobody_takes_is_closed_with_its_listener(run_python: Run) -> None:
    source = """
import weft
from weft import socket
from weft._core import accepting

accepting.do_without_ring()
accepting.share()
for _ in range(30):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname(), timeout=10)
        task = weft.spawn(listener.accept)
        weft.sleep(0)  # a helper accepts
        task.cancel()
        task.join()
    del task, listener
    with client:
        assert client.recv(1) == b""
print("closed")
"""
    assert run_python(source).stdout == "closed\n"


def test_a_ring_that_was_refused_for_want_of_a_descriptor_is_tried_again(run_python: Run) -> None:
    source = """
import os, resource
import weft
from weft import socket
from weft._core import accepting

def kinds():
    for name in os.listdir("/proc/self/fd"):
        try:
            yield os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            pass

accepting.share()
listener = socket.create_server(("127.0.0.1", 0))
clients = [socket.create_connection(listener.getsockname()) for _ in range(2)]
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
free = os.dup(0)
os.close(free)
resource.setrlimit(resource.RLIMIT_NOFILE, (free if REFUSED else soft, hard))
try:
    listener.accept()
    assert not REFUSED
except OSError:
    assert REFUSED
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
listener.accept()
print(any("io_uring" in kind for kind in kinds()))
"""
    serves = run_python(source.replace("REFUSED", "False")).stdout  # some systems lend no ring
    assert run_python(source.replace("REFUSED", "True")).stdout == serves


def test_an_accept_in_which_the_collector_runs_refuses_nobody_a_wait(run_python: Run) -> None:
    """Before 3.12 an allocation may run it, and a finalizer that waits lets another task accept on the same listener."""
    done = run_python("""
import gc, weft, weft.socket

class Cycle:
    def __init__(self):
        self.me = self
    def __del__(self):
        weft.sleep(0)

def serve():
    while True:
        Cycle()
        connection, _ = listener.accept()
        connection.close()

def call():
    with weft.socket.create_connection(listener.getsockname()) as client:
        assert client.recv(1) == b""

listener = weft.socket.create_server(("127.0.0.1", 0))
servers = [weft.spawn(serve) for _ in range(3)]
gc.set_threshold(1, 1, 1)
for _ in range(20):
    for task in weft.joinall([weft.spawn(call) for _ in range(5)]):
        task.result()
print(*[task.done() for task in servers])
""")
    assert done.stdout == "False False False\n"


def test_accept_does_not_block_the_thread_whatever_the_mode_of_the_descriptor(run_python: Run) -> None:
    done = run_python("""
import os
import weft
from weft import socket

with socket.create_server(("127.0.0.1", 0)) as listener:
    listener.settimeout(0.1)
    os.set_blocking(listener.fileno(), True)
    task = weft.spawn(weft.sleep, 0.01)
    try:
        listener.accept()
    except TimeoutError:
        print("timed out", task.done())
""")
    assert done.stdout == "timed out True\n"


def test_helpers_serve_every_task_that_accepts(run_python: Run) -> None:
    """Several tasks accept on one shared listener where the kernel has no io_uring: each client that waits is served."""
    done = run_python(
        """
        import weft, weft.socket
        from weft._core import accepting
        accepting.do_without_ring()
        accepting.share()
        listener = weft.socket.create_server(("127.0.0.1", 0))
        tasks = [weft.spawn(listener.accept) for _ in range(3)]
        weft.sleep(0.02)
        clients = [weft.socket.create_connection(listener.getsockname()) for _ in range(3)]
        print(len([task.result(10) for task in tasks]))
        """
    )
    assert done.stdout == "3\n"
