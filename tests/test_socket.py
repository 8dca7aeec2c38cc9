"""Sockets as programs use them: real ones, with their timeouts and their errors, that park the task."""

import array
import errno
import gc
import os
import resource
import socket as standard
import threading
import time
from collections.abc import Callable, Iterator
from subprocess import CompletedProcess
from typing import Any

import pytest

import weft
from weft import socket

Run = Callable[..., CompletedProcess[str]]
Pair = tuple[socket.socket, socket.socket]


def tcp() -> Pair:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
    return client, server


@pytest.fixture(params=["tcp", "unix"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    first, second = tcp() if request.param == "tcp" else socket.socketpair()
    with first, second:
        yield first, second


def test_it_is_a_real_socket(pair: Pair) -> None:
    first, _ = pair
    assert isinstance(first, standard.socket)
    assert isinstance(first, socket.socket)
    assert first.getblocking()
    assert os.get_blocking(first.fileno())


def test_a_reader_parks_and_others_go_on(pair: Pair) -> None:
    first, second = pair
    reader = weft.spawn(first.recv, 100)
    weft.sleep(0.01)
    assert not reader.done()
    second.sendall(b"hello")
    assert reader.result(timeout=10) == b"hello"
    second.close()
    assert first.recv(100) == b""


def test_ping_pong_with_short_reads(pair: Pair) -> None:
    first, second = pair

    def echo() -> None:
        while data := second.recv(4096):
            second.sendall(data)
        second.shutdown(socket.SHUT_WR)

    task = weft.spawn(echo)
    for number in range(300):
        message = b"%d" % number
        first.sendall(message)
        assert first.recv(4096) == message
    first.shutdown(socket.SHUT_WR)
    assert first.recv(1) == b""
    task.result(timeout=10)


def test_data_and_the_end_come_in_one_edge(pair: Pair) -> None:
    first, second = pair
    reader = weft.spawn(lambda: [first.recv(100) for _ in range(2)])
    weft.sleep(0.01)
    second.sendall(b"last")
    second.close()
    assert reader.result(timeout=10) == [b"last", b""]


def test_ten_megabytes_go_through(pair: Pair) -> None:
    first, second = pair
    data = os.urandom(10_000_000)
    sender = weft.spawn(first.sendall, data)
    received = bytearray()
    while len(received) < len(data):
        received += second.recv(65536)
    sender.result(timeout=10)
    assert received == data


def test_recv_into_and_its_errors(pair: Pair) -> None:
    first, second = pair
    second.sendall(b"hello")
    buffer = bytearray(10)
    assert first.recv_into(buffer) == 5
    assert bytes(buffer[:5]) == b"hello"
    with pytest.raises(ValueError, match="too small"):
        first.recv_into(buffer, 11)
    with pytest.raises(ValueError, match="negative"):
        first.recv(-1)
    assert first.recv(0) == b""


def test_timeouts(pair: Pair) -> None:
    first, _ = pair
    first.settimeout(0.02)
    for _ in range(2):
        with pytest.raises(TimeoutError, match="timed out"):
            first.recv(1)
    with pytest.raises(TimeoutError, match="timed out"):
        first.sendall(bytes(20_000_000))
    first.settimeout(0)
    with pytest.raises(BlockingIOError):
        first.recv(1)


def test_closing_wakes_who_waits() -> None:
    first, second = tcp()
    reader = weft.spawn(first.recv, 1)
    weft.sleep(0.01)
    first.close()
    with pytest.raises(OSError, match="closed while a task waited") as caught:
        reader.result(timeout=10)
    assert caught.value.errno == errno.EBADF
    third, fourth = tcp()
    fourth.sendall(b"new")
    assert third.recv(3) == b"new"
    for sock in (second, third, fourth):
        sock.close()


def test_a_reset_is_the_standard_error() -> None:
    first, second = tcp()
    reader = weft.spawn(first.recv, 1)
    weft.sleep(0.01)
    second.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    second.close()
    with pytest.raises(ConnectionResetError):
        reader.result(timeout=10)
    first.close()


def test_a_cancelled_reader_loses_nothing(pair: Pair) -> None:
    first, second = pair
    reader = weft.spawn(first.recv, 10)
    weft.sleep(0.01)
    reader.cancel()
    reader.join()
    second.sendall(b"kept")
    assert first.recv(10) == b"kept"


def test_a_refused_connection() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    with socket.socket() as sock:
        assert sock.connect_ex(address) == errno.ECONNREFUSED


def test_names_are_looked_up() -> None:
    with socket.create_server(("localhost", 0)) as listener:
        with socket.create_connection(("localhost", listener.getsockname()[1]), timeout=10) as client:
            server, _ = listener.accept()
            server.close()
            assert client.recv(1) == b""
        with socket.socket() as direct:
            direct.connect(("localhost", listener.getsockname()[1]))
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("name.invalid", 80)


def test_accept_waits_and_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.01)
        with pytest.raises(TimeoutError):
            listener.accept()
        listener.settimeout(None)
        task = weft.spawn(listener.accept)
        weft.sleep(0.01)
        assert os.get_blocking(listener.fileno())
        with socket.create_connection(listener.getsockname()):
            accepted, _ = task.result(timeout=10)
            assert accepted.getblocking()
            accepted.close()


def test_a_listener_that_was_handed_over_keeps_its_mode() -> None:
    with standard.create_server(("127.0.0.1", 0)) as outside, socket.socket(fileno=os.dup(outside.fileno())) as listener:
        task = weft.spawn(listener.accept)
        weft.sleep(0.01)
        assert os.get_blocking(outside.fileno())
        with standard.create_connection(listener.getsockname()):
            task.result(timeout=10)[0].close()


def test_datagrams_keep_their_bounds() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as first, socket.socket(type=socket.SOCK_DGRAM) as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        reader = weft.spawn(lambda: [first.recv(100) for _ in range(2)] + [first.recvfrom(100)[0]])
        for data in (b"one", b"two", b"three"):
            assert second.sendto(data, first.getsockname()) == len(data)
        assert reader.result(timeout=10) == [b"one", b"two", b"three"]
        first.settimeout(0.01)
        with pytest.raises(TimeoutError):
            first.recvfrom(10)
        with pytest.raises(TimeoutError):
            first.recvfrom_into(bytearray(10))


def test_descriptors_travel_with_messages() -> None:
    first, second = socket.socketpair()
    reader, writer = os.pipe()
    with first, second:
        receiver = weft.spawn(second.recvmsg, 10, socket.CMSG_LEN(4))
        weft.sleep(0.01)
        first.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [writer]))])
        data, ancillary, _, _ = receiver.result(timeout=10)
        assert data == b"x"
        travelled = array.array("i", ancillary[0][2])[0]
        os.write(travelled, b"y")
        assert os.read(reader, 1) == b"y"
    for number in (reader, writer, travelled):
        os.close(number)


def test_makefile_dup_and_detach(pair: Pair) -> None:
    first, second = pair
    with second.makefile("wb") as out, first.makefile("rb") as lines:
        out.write(b"one\ntwo\n")
        out.flush()
        assert [lines.readline(), lines.readline()] == [b"one\n", b"two\n"]
    with first.dup() as copy:
        second.sendall(b"x")
        assert copy.recv(1) == b"x"
    number = second.detach()
    assert second.fileno() == -1
    os.write(number, b"z")
    assert first.recv(1) == b"z"
    os.close(number)


def test_a_socket_may_be_used_by_two_threads() -> None:
    first, second = tcp()
    got: list[bytes] = []
    thread = threading.Thread(target=lambda: got.append(second.recv(10)))
    thread.start()
    weft.sleep(0.02)
    first.sendall(b"across")
    thread.join(10)
    assert got == [b"across"]
    first.close()
    second.close()


def test_a_thousand_connections_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as listener:

        def serve(connection: socket.socket) -> None:
            with connection:
                connection.sendall(connection.recv(10) * 2)

        def accept() -> None:
            for _ in range(1000):
                weft.spawn(serve, listener.accept()[0])

        def call(number: int) -> bytes:
            with socket.create_connection(listener.getsockname()) as sock:
                weft.sleep(0.05)
                sock.sendall(b"%04d" % number)
                return sock.recv(100)

        weft.spawn(accept)
        tasks = [weft.spawn(call, number) for number in range(1000)]
        assert [task.result() for task in tasks] == [b"%04d" % number * 2 for number in range(1000)]


def test_a_million_reads_leave_no_memory_behind(run_python: Run) -> None:
    done = run_python(
        """
import gc, weft
from weft import socket

first, second = socket.socketpair()

def resident():
    gc.collect()
    return int(open("/proc/self/statm").read().split()[1]) * 4096

def echo():
    while data := second.recv(100):
        second.sendall(data)

weft.spawn(echo)

def run(count):
    for _ in range(count):
        first.sendall(b"x")
        first.recv(100)

run(20_000)
before = resident()
run(500_000)
print(resident() - before)
""",
        timeout=55,
    )
    assert int(done.stdout) < 500_000


def test_many_descriptors_are_given_back() -> None:
    for sock in tcp():  # weft has opened its own by now
        sock.close()
    gc.collect()  # what other tests forgot
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(200):
        for sock in tcp():
            sock.close()
    assert len(os.listdir("/proc/self/fd")) <= before  # fewer: other tests end what they had
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > before


def test_a_full_unix_backlog_waits_for_room(tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(0)
        clients = [socket.socket(socket.AF_UNIX) for _ in range(5)]
        tasks = [weft.spawn(client.connect, path) for client in clients]
        began = time.monotonic()
        for _ in clients:
            listener.accept()[0].close()
        weft.joinall(tasks, timeout=10)
        assert all(task.exception() is None for task in tasks)
        assert time.monotonic() - began < 10
        for client in clients:
            client.close()


def test_a_datagram_to_a_full_receiver_waits_for_room_and_does_not_spin(tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "s")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        receiver.bind(path)
        sender.setblocking(False)
        filled = 0
        with pytest.raises(BlockingIOError):
            while True:
                filled += sender.sendto(b"x", path)
        sender.settimeout(0.01)
        for call in (lambda: sender.sendto(b"late", path), lambda: sender.sendmsg([b"late"], [], 0, path)):
            with pytest.raises(TimeoutError):
                weft.spawn(call).result(10)
        sender.settimeout(None)
        tasks = [weft.spawn(sender.sendto, b"y", path), weft.spawn(sender.sendmsg, [b"y"], [], 0, path)]
        began, busy = time.monotonic(), time.thread_time()
        weft.sleep(0.5)
        assert time.thread_time() - busy < (time.monotonic() - began) / 2
        assert not any(task.done() for task in tasks)
        received = [receiver.recv(9) for _ in range(filled + len(tasks))]
        assert received == [b"x"] * filled + [b"y"] * len(tasks)
        assert [task.result(10) for task in tasks] == [1, 1]


MODULES = pytest.mark.parametrize("module", [standard, socket], ids=["standard", "twin"])


def refused(call: Callable[[], object]) -> int | None:
    """The error's number of a call that is not to wait."""
    with pytest.raises(BlockingIOError) as caught:
        weft.spawn(call).result(20)
    return caught.value.errno


@MODULES
def test_a_descriptor_that_was_set_not_to_block_refuses_to_wait(module: Any, tmp_path: os.PathLike[str]) -> None:
    first, second = module.socketpair()
    datagrams = module.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener = module.create_server(("127.0.0.1", 0))
    client = module.socket()
    handed = module.socket(fileno=os.dup(first.fileno()))
    datagrams.bind(("127.0.0.1", 0))
    for sock in (first, datagrams, listener, client):
        os.set_blocking(sock.fileno(), False)
        assert sock.gettimeout() is None
    for call in (
        lambda: first.recv(1),
        lambda: first.recv(2, socket.MSG_WAITALL),
        lambda: first.recv_into(bytearray(1)),
        lambda: first.recvfrom(1),
        lambda: first.recvmsg(1),
        lambda: handed.recv(1),
        lambda: datagrams.recvfrom(1),
        listener.accept,
    ):
        assert refused(call) == errno.EAGAIN
    assert refused(lambda: client.connect(listener.getsockname())) == errno.EINPROGRESS
    second.sendall(b"ab")
    assert first.recv(3, socket.MSG_WAITALL | socket.MSG_PEEK) == b"ab"
    assert first.recv(3, socket.MSG_WAITALL) == b"ab"
    assert 0 < weft.spawn(first.send, bytes(10_000_000)).result(20) < 10_000_000
    for call in (
        lambda: [first.send(bytes(100_000)) for _ in range(1000)],
        lambda: first.sendall(bytes(1_000_000)),
        lambda: [first.sendmsg([bytes(100_000)]) for _ in range(1000)],
    ):
        assert refused(call) == errno.EAGAIN
    path = os.path.join(tmp_path, "s")
    with module.socket(socket.AF_UNIX) as full:
        full.bind(path)
        full.listen(0)
        clients = [module.socket(socket.AF_UNIX) for _ in range(2)]
        for sock in clients:
            os.set_blocking(sock.fileno(), False)
        clients[0].connect(path)
        assert refused(lambda: clients[1].connect(path)) == errno.EAGAIN
    for sock in (first, second, handed, datagrams, listener, client, *clients):
        if sock is not second:
            assert not os.get_blocking(sock.fileno())
        sock.close()


def test_a_timeout_that_a_call_sets_aside_refuses_no_other_thread() -> None:
    first, second = socket.socketpair()
    got: list[object] = []

    def take() -> None:
        try:
            got.append(first.recv(1))
        except OSError as error:
            got.append(error)

    class Size:
        def __index__(self) -> int:  # in the middle of the call
            thread.start()
            thread.join(0.1)
            second.sendall(b"aa")
            return 1

    thread = threading.Thread(target=take)
    with first, second:
        first.settimeout(30)
        assert first.recvfrom(Size())[0] == b"a"  # type: ignore[arg-type]
        thread.join(30)
        assert got == [b"a"]
        assert first.gettimeout() == 30


@MODULES
@pytest.mark.parametrize("kind", ["tcp", "udp", "unix"])
def test_a_read_of_urgent_data_with_a_timeout_waits_for_anything(module: Any, kind: str) -> None:
    if kind == "tcp":
        with module.create_server(("127.0.0.1", 0)) as listener:
            pair = module.create_connection(listener.getsockname()), listener.accept()[0]
    elif kind == "unix":
        pair = module.socketpair()
    else:
        pair = [module.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    with pair[0] as sock, pair[1] as peer:
        reads = (
            lambda: sock.recv(1, socket.MSG_OOB),
            lambda: sock.recv_into(bytearray(1), 1, socket.MSG_OOB),
            lambda: sock.recvfrom(1, socket.MSG_OOB),
            lambda: sock.recvmsg(1, 0, socket.MSG_OOB),
        )
        sock.settimeout(0.01)
        for read in reads:
            with pytest.raises(TimeoutError):
                weft.spawn(read).result(20)
        if kind != "udp":
            sock.settimeout(20)
            peer.send(b"x")
            for read in reads:
                with pytest.raises(OSError, match=r"Invalid argument|not supported"):
                    weft.spawn(read).result(20)
