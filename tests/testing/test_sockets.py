"""Sockets in memory: their line does what it was told, and they fail as real ones do."""

import http.client
import socket

import pytest

import weft
from weft.testing import Link, Network, datagrams, socketpair, virtual_clock


def test_what_is_sent_arrives_in_order() -> None:
    here, there = socketpair()
    assert here.send(b"hello, ") == 7
    here.sendall(b"world")
    assert there.recv(5) == b"hello"
    assert there.recv(2, socket.MSG_PEEK) == b", "
    assert there.recv(100) == b", "
    buffer = bytearray(5)
    assert there.recv_into(buffer) == 5
    assert buffer == b"world"
    here.close()
    assert there.recv(1) == b""
    with pytest.raises(BrokenPipeError):
        there.send(b"x")
    with pytest.raises(OSError, match="Bad file descriptor"):
        here.recv(1)
    assert repr(here).endswith("closed>")


def test_a_large_transfer_waits_for_its_reader() -> None:
    here, there = socketpair()
    data = bytes(range(256)) * 2000
    sender = weft.spawn(here.sendall, data)
    weft.sleep(0)
    assert not sender.done()
    received = b""
    while len(received) < len(data):
        received += there.recv(10_000)
    assert received == data
    assert sender.join(5)


def test_files_made_of_a_socket() -> None:
    here, there = socketpair()
    with here.makefile("rwb") as file:
        here.close()
        file.write(b"one\ntwo\n")
        file.flush()
        with there.makefile("r", encoding="ascii") as lines:
            assert lines.readline() == "one\n"
            there.sendall(b"answer\n")
            assert file.readline() == b"answer\n"
    assert there.recv(10) == b""


def test_delay_and_rate() -> None:
    with virtual_clock() as clock:
        here, there = socketpair(delay=3, rate=10)
        here.sendall(bytes(50))
        assert len(there.recv(100)) == 50
        assert clock.elapsed == pytest.approx(3 + 5)
        there.settimeout(2)
        here.send(b"late")
        with pytest.raises(TimeoutError, match="timed out"):
            there.recv(1)
        there.setblocking(False)
        with pytest.raises(BlockingIOError):
            there.recv(1)
        assert there.gettimeout() == 0


def test_loss() -> None:
    here, there = datagrams(loss=0.5, seed=3)
    for number in range(100):
        here.send(b"%d" % number)
    there.settimeout(0)
    got = []
    with pytest.raises(BlockingIOError):
        while True:
            got.append(int(there.recvfrom(10)[0]))
    assert 30 < len(got) < 70
    assert got == sorted(got)
    with virtual_clock() as clock:
        here, there = socketpair(loss=1)
        here.sendall(b"later")
        assert there.recv(5) == b"later"
        assert clock.elapsed == pytest.approx(0.2)


def test_a_line_that_breaks_or_falls_silent() -> None:
    with virtual_clock():
        link = Link()
        here, there = socketpair(link)
        reader = weft.spawn(there.recv, 1)
        weft.sleep(0)
        link.reset()
        assert isinstance(reader.exception(), ConnectionResetError)
        with pytest.raises(ConnectionResetError):
            here.send(b"x")
        link = Link()
        here, there = socketpair(link)
        link.stalled = True
        here.sendall(b"silence")
        with pytest.raises(TimeoutError), weft.timeout(3600):
            there.recv(1)
        link.resume()
        assert there.recv(10) == b"silence"


def test_half_closed() -> None:
    here, there = socketpair()
    here.shutdown(socket.SHUT_WR)
    assert there.recv(1) == b""
    there.sendall(b"still")
    assert here.recv(10) == b"still"
    with pytest.raises(BrokenPipeError):
        here.send(b"x")


def test_a_network_under_the_standard_library() -> None:
    network = Network(delay=0.05)

    def serve() -> None:
        with socket.create_server(("example.org", 80)) as listener:
            while True:
                connection, _ = listener.accept()
                with connection, connection.makefile("rb") as request:
                    path = request.readline().split()[1]
                    connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(path), path))

    with virtual_clock() as clock, network.patched():
        server = weft.spawn(serve)
        weft.sleep(0)
        client = http.client.HTTPConnection("example.org", 80, timeout=5)
        client.request("GET", "/path")
        assert client.getresponse().read() == b"/path"
        assert clock.elapsed == pytest.approx(0.2)
        network.links[0].reset()
        client.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("example.org", 81))
        with pytest.raises(OSError, match="in use"):
            network.listen(("example.org", 80))
        server.cancel()
        server.join()
    with network.listen(("", 0)) as listener:
        assert listener.getsockname()[1] > 0
        listener.settimeout(0.001)
        with pytest.raises(TimeoutError):
            listener.accept()
    assert socket.create_connection.__module__ == "socket"
