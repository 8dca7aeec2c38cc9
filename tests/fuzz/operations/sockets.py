"""Sockets: streams, connections, flags, timeouts, and sockets that nobody closes."""

import errno
import gc
import os
import socket as standard
from random import Random

import weft
from weft import os as files
from weft import socket

from ..world import PATIENCE, World, check
from . import operation

Pair = tuple[socket.socket, socket.socket]


def connected() -> Pair:
    """Return two ends of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = socket.create_connection(listener.getsockname(), timeout=PATIENCE)
        try:
            other, peer = listener.accept()
            while peer != one.getsockname():  # another program's, which had the port before
                other.close()
                other, peer = listener.accept()
        except BaseException:
            one.close()
            raise
    one.settimeout(None)
    return one, other


def pair(rng: Random) -> Pair:
    """Return a pair of either kind."""
    return connected() if rng.random() < 0.2 else socket.socketpair()


@operation(5)
def echo(world: World, rng: Random, depth: int) -> None:
    """Send up to 300 KB to a task that reads them in pieces and answers."""
    one, other = pair(rng)
    data = bytes([rng.randrange(256)]) * rng.randint(1, 300_000)
    part = rng.choice([512, 4096, 1 << 20])

    def answer() -> bytes:
        got = bytearray()
        with other:
            while len(got) < len(data) and (piece := other.recv(part)):
                got += piece
            if len(got) == len(data):
                other.sendall(b"ok")
        return bytes(got)

    task = weft.spawn(answer)
    try:
        with one:
            one.sendall(data)
            check(one.recv(10) == b"ok", "an echo's answer")
    finally:
        world.settle([task], cancel=False)
        task.exception()
    check(task.result() == data, "an echo's data")


@operation(3)
def flags(world: World, rng: Random, depth: int) -> None:
    """Peek, ask without waiting, and read all that was asked for although it comes in pieces."""
    one, other = pair(rng)
    with one, other:
        try:
            check(False, "MSG_DONTWAIT waited", other.recv(1, standard.MSG_DONTWAIT))
        except BlockingIOError:
            pass
        one.sendall(b"abc")
        seen = other.recv(3, standard.MSG_PEEK)
        check(seen and b"abc".startswith(seen), "a peek's data", seen)
        check(other.recv(10) == b"abc", "a peek took something")


@operation(2)
def wait_all(world: World, rng: Random, depth: int) -> None:
    """Ask with MSG_WAITALL: all comes, or what there was before the end or the timeout."""
    one, other = pair(rng)
    pieces = [bytes([65 + number]) * rng.randint(1, 9) for number in range(rng.randint(1, 4))]
    data = b"".join(pieces)
    short = rng.random() < 0.3

    def produce() -> None:
        for piece in pieces:
            weft.sleep(rng.random() * 0.001)
            one.sendall(piece)
        if short:
            one.shutdown(standard.SHUT_WR)

    with one, other:
        task = weft.spawn(produce)
        try:
            wanted = len(data) + 5 * short
            if rng.random() < 0.5:
                got = other.recv(wanted, standard.MSG_WAITALL)
            else:
                room = bytearray(wanted)
                got = bytes(room[: other.recv_into(room, wanted, standard.MSG_WAITALL)])
        finally:
            world.settle([task])
        check(got == data, "MSG_WAITALL returned early", got, data)


@operation(2)
def timeout(world: World, rng: Random, depth: int) -> None:
    """Wait for data that does not come: TimeoutError; afterwards the socket works."""
    one, other = pair(rng)
    with one, other:
        other.settimeout(rng.choice([0.0, 0.001, 0.003]))
        try:
            check(False, "read what nobody sent", other.recv(1))
        except (TimeoutError, BlockingIOError):
            pass
        other.settimeout(PATIENCE)
        one.sendall(b"x")
        check(other.recv(5) == b"x", "a socket after its timeout")


@operation(2)
def datagrams(world: World, rng: Random, depth: int) -> None:
    """Send datagrams: each comes once, whole and in order."""
    one, other = socket.socketpair(type=standard.SOCK_DGRAM)
    count = rng.randint(1, 30)

    def produce() -> None:
        for number in range(count):
            one.send(b"%d" % number)

    with one, other:
        task = weft.spawn(produce)
        try:
            got = [other.recv(100) for _ in range(count)]
        finally:
            world.settle([task])
    check(got == [b"%d" % number for number in range(count)], "datagrams", got)


@operation(3)
def closed(world: World, rng: Random, depth: int) -> None:
    """Close or shut down a socket under its waiters: each gets EBADF or the end."""
    one, other = pair(rng)
    ends: list[object] = []

    def read() -> None:
        try:
            ends.append(one.recv(1))
        except OSError as error:
            ends.append(error.errno)

    tasks = [weft.spawn(read) for _ in range(rng.randint(1, 3))]
    with other:
        try:
            weft.sleep(0)
        finally:
            how = rng.choice(["close", "detach", "shutdown", "peer"])
            if how == "detach":
                files.close(one.detach())
            elif how == "shutdown":
                one.shutdown(standard.SHUT_RD)
            elif how == "peer":
                other.close()
            else:
                one.close()
            world.settle(tasks, cancel=False)
            one.close()
    check(all(end in (b"", errno.EBADF, errno.ECONNRESET) for end in ends), "closed", how, ends)


@operation(2)
def collected(world: World, rng: Random, depth: int) -> None:
    """Drop a used socket unclosed; a pipe that gets its number works."""
    one, other = pair(rng)
    with other:
        task = weft.spawn(one.recv, 1)
        try:
            weft.sleep(0)
        finally:
            with weft.CancelScope(shield=True):
                other.send(b"x")
            world.settle([task], cancel=False)
        del task
        if rng.random() < 0.3:
            keep: list[object] = [one]
            keep.append(keep)
            del keep, one
            gc.collect()
        else:
            del one
        reader, writer = os.pipe()
        try:
            task = weft.spawn(files.read, reader, 1)
            weft.sleep(0)
            files.write(writer, b"y")
            with weft.CancelScope(shield=True):
                check(task.join(PATIENCE), "a pipe in the place of a collected socket never wakes")
        finally:
            task.cancel()
            files.close(reader)
            files.close(writer)


@operation(2)
def accept_many(world: World, rng: Random, depth: int) -> None:
    """Accept connections in several tasks: each is accepted once."""
    count = rng.randint(1, 5)
    accepted: list[tuple[object, bytes]] = []
    ours: list[object] = []  # the clients' addresses: another program may connect, too

    def serve() -> None:
        while True:
            try:
                connection, peer = listener.accept()
            except OSError as error:
                if not world.tolerated(error):
                    raise
                weft.sleep(0.001)
                continue
            with connection:
                accepted.append((peer, connection.recv(10)))
                connection.sendall(b"!")

    def call(number: int) -> None:
        with socket.create_connection(listener.getsockname()) as client:
            ours.append(client.getsockname())
            client.sendall(b"%d" % number)
            check(client.recv(1) == b"!", "a server's answer")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        servers = [weft.spawn(serve) for _ in range(rng.randint(1, 3))]
        clients = [weft.spawn(call, number) for number in range(count)]
        try:
            weft.joinall(clients, PATIENCE)
        finally:
            world.settle(clients)
            world.settle(servers)
            errors = [task.exception() for task in clients if not task.cancelled()]
    for error in errors:
        if error is not None:
            raise error
    known = sorted(data for peer, data in accepted if peer in ours)
    check(known == [b"%d" % number for number in range(count)], "accepted", accepted, ours)


@operation(1)
def lines(world: World, rng: Random, depth: int) -> None:
    """Read through a file object, line by line, what another task writes."""
    one, other = pair(rng)
    written = [f"line {number}\n" for number in range(rng.randint(1, 20))]

    def produce() -> None:
        with other, other.makefile("w") as stream:
            for line in written:
                stream.write(line)
                if rng.random() < 0.2:
                    stream.flush()

    task = weft.spawn(produce)
    try:
        with one, one.makefile("r") as stream:
            got = list(stream)
    finally:
        world.settle([task])
    check(got == written, "lines of a socket", got)


@operation(1)
def offload(world: World, rng: Random, depth: int) -> None:
    """Run a call on a real thread while a cancelled or patient task waits for it."""
    check(weft.offload(divmod, 7, 2) == (3, 1), "an offloaded call's value")
