"""The calls of a socket beside the standard module's: flags, and the timeouts of the system."""

import itertools
import os
import socket as standard
import struct
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import weft
from weft import socket

SHORT = struct.pack("ll", 0, 8_000)  # seconds and microseconds
KINDS = ["tcp", "stream", "datagram", "packet", "udp"]
CALLS: dict[str, Callable[[Any, int, int], Any]] = {
    "recv": lambda sock, size, flags: sock.recv(size, flags),
    "recv_into": lambda sock, size, flags: into(size, lambda buffer: sock.recv_into(buffer, 0, flags)),
    "recv_into a part": lambda sock, size, flags: into(size + 5, lambda buffer: sock.recv_into(buffer, size, flags)),
    "recvfrom": lambda sock, size, flags: sock.recvfrom(size, flags)[0],
    "recvfrom_into": lambda sock, size, flags: into(size + 5, lambda buffer: sock.recvfrom_into(buffer, size, flags)[0]),
    "recvmsg": lambda sock, size, flags: sock.recvmsg(size, 200, flags)[:3],
    "recvmsg_into": lambda sock, size, flags: into(size, lambda buffer: sock.recvmsg_into(halves(buffer), 200, flags)[:3]),
}
FLAGS = [
    0,
    standard.MSG_WAITALL,
    standard.MSG_PEEK,
    standard.MSG_PEEK | standard.MSG_WAITALL,
    standard.MSG_DONTWAIT,
    standard.MSG_DONTWAIT | standard.MSG_WAITALL,
    standard.MSG_OOB,
    standard.MSG_TRUNC,
    standard.MSG_CMSG_CLOEXEC,
    standard.MSG_NOSIGNAL,
]


def into(size: int, call: Callable[[bytearray], Any]) -> Any:
    buffer = bytearray(size)
    return call(buffer), bytes(buffer)


def halves(buffer: bytearray) -> list[memoryview]:
    return [memoryview(buffer)[:2], memoryview(buffer)[2:]]


def pair(module: ModuleType, kind: str) -> tuple[Any, Any]:
    if kind == "tcp":
        with module.create_server(("127.0.0.1", 0)) as listener:
            client = module.create_connection(listener.getsockname())
            return listener.accept()[0], client
    if kind == "udp":
        first, second = (module.socket(standard.AF_INET, standard.SOCK_DGRAM) for _ in range(2))
        for sock in (first, second):
            sock.bind(("127.0.0.1", 0))
        first.connect(second.getsockname())
        second.connect(first.getsockname())
        return first, second
    kinds = {"stream": standard.SOCK_STREAM, "datagram": standard.SOCK_DGRAM, "packet": standard.SOCK_SEQPACKET}
    made: tuple[Any, Any] = module.socketpair(standard.AF_UNIX, kinds[kind])
    return made


def outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except OSError as error:
        return type(error), error.errno


def behaviour(module: ModuleType, kind: str, call: str, flags: int, sent: list[bytes], timeout: float | None) -> Any:
    """What two calls bring on a socket whose peer has sent `sent`."""
    first, second = pair(module, kind)
    with first, second:
        for piece in sent:
            second.send(piece)
        first.settimeout(timeout)
        if timeout is None:
            first.setsockopt(standard.SOL_SOCKET, standard.SO_RCVTIMEO, SHORT)
        seen = outcome(lambda: CALLS[call](first, 8, flags))
        if kind == "tcp" and flags & standard.MSG_TRUNC:
            return "memory that nobody wrote to"
        return seen, outcome(lambda: first.recv(20, standard.MSG_DONTWAIT) if timeout is None else None)


@pytest.mark.parametrize("kind", KINDS)
def test_reads_with_flags_are_those_of_the_standard_module(kind: str) -> None:
    for call, flags in itertools.product(CALLS, FLAGS):
        for sent, timeout in (([b"abc"], None), ([b"abc", b"de"], None), ([b"abc"], 0.005)):
            arguments = (kind, call, flags, sent, timeout)
            assert behaviour(socket, *arguments) == behaviour(standard, *arguments), arguments


@pytest.mark.parametrize("kind", ["tcp", "stream"])
@pytest.mark.parametrize("call", CALLS)
def test_a_read_of_all_waits_for_the_last_piece(kind: str, call: str) -> None:
    reader, writer = pair(socket, kind)
    with reader, writer:
        task = weft.spawn(CALLS[call], reader, 6, standard.MSG_WAITALL)
        for piece in (b"ab", b"cd", b"ef"):
            weft.sleep(0)
            assert not task.done()
            writer.sendall(piece)
        found = task.result(timeout=30)
        assert b"abcdef" in (found[1][:6] if isinstance(found[1], bytes) else found[0], found)


def test_a_look_at_all_waits_for_the_last_piece() -> None:
    reader, writer = pair(socket, "tcp")
    with reader, writer:
        task = weft.spawn(reader.recv, 4, standard.MSG_WAITALL | standard.MSG_PEEK)
        writer.sendall(b"ab")
        weft.sleep(0)
        writer.sendall(b"cd")
        assert task.result(timeout=30) == b"abcd" == reader.recv(9)


def test_a_read_of_all_ends_with_the_stream_and_keeps_its_error() -> None:
    reader, writer = pair(socket, "tcp")
    with reader:
        task = weft.spawn(reader.recv, 6, standard.MSG_WAITALL)
        writer.sendall(b"abc")
        weft.sleep(0)
        writer.setsockopt(standard.SOL_SOCKET, standard.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()  # a reset
        assert outcome(lambda: task.result(timeout=30)) in (b"abc", (ConnectionResetError, 104))


@pytest.mark.parametrize("kind", ["tcp", "stream"])
def test_a_send_goes_on_until_all_is_sent(kind: str) -> None:
    reader, writer = pair(socket, kind)

    def take() -> int:
        count = 0
        while piece := reader.recv(65536):
            count += len(piece)
        return count

    with reader:
        task = weft.spawn(take)
        with writer:
            assert writer.send(bytes(5_000_000)) == 5_000_000
            assert writer.sendmsg(iter([bytes(3_000_000), b"xy"])) == 3_000_002
        assert task.result(timeout=30) == 8_000_002


def test_timeouts_of_the_system_count(tmp_path: os.PathLike[str]) -> None:
    def look(module: ModuleType, name: str) -> list[Any]:
        seen = []
        first, second = module.socketpair()
        with first, second:
            for option in (standard.SO_RCVTIMEO, standard.SO_SNDTIMEO):
                first.setsockopt(standard.SOL_SOCKET, option, SHORT)
            for call in CALLS.values():
                seen.append(outcome(lambda call=call: call(first, 4, 0)))  # type: ignore[misc]
            copy = first.dup()
            with copy:
                seen.append(outcome(lambda: copy.recv(1)))
            seen += [outcome(lambda: first.send(bytes(10_000_000))) for _ in range(2)]
            seen += [outcome(lambda: first.sendall(b"x")), outcome(lambda: first.sendmsg([b"x"]))]
            first.settimeout(0.001)
            seen.append(outcome(lambda: first.recv(1)))
        with module.socket(standard.AF_UNIX) as listener:
            path = str(tmp_path / name)  # type: ignore[operator]
            listener.bind(path)
            listener.listen(0)
            clients = [module.socket(standard.AF_UNIX) for _ in range(3)]
            for client in clients:
                client.setsockopt(standard.SOL_SOCKET, standard.SO_SNDTIMEO, SHORT)
                seen += [outcome(lambda client=client: client.connect(path))]  # type: ignore[misc]
            seen += [outcome(lambda: clients[2].connect_ex(path))]
            for client in clients:
                client.close()
        return seen

    assert look(socket, "twin") == look(standard, "standard")


def test_a_timeout_that_came_with_a_descriptor_counts() -> None:
    first, second = standard.socketpair()
    first.setsockopt(standard.SOL_SOCKET, standard.SO_RCVTIMEO, SHORT)
    with second, socket.socket(fileno=first.detach()) as sock:
        with pytest.raises(BlockingIOError):
            weft.spawn(sock.recv, 1).result(timeout=30)
        sock.setsockopt(standard.SOL_SOCKET, standard.SO_RCVTIMEO, struct.pack("ll", 0, 0))
        task = weft.spawn(sock.recv, 1)
        weft.sleep(0)
        second.send(b"x")
        assert task.result(timeout=30) == b"x"
