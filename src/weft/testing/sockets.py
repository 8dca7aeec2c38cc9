"""Sockets in memory, whose line can be slow, lossy, silent or broken: no descriptor, no port, and with a virtual clock no time.

Rules:
- What is sent arrives ``delay`` seconds later, in order, and no faster than ``rate``, by the scheduler's clock.
- A stream loses nothing: what its line loses comes later, as after a retransmission of TCP's (RFC 6298; 0.2 s, Linux's shortest).
  A datagram is gone.
- Errors are those of real sockets.
"""

import errno
import os
import random
import socket as standard
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from weft._core.cancellation import move_on_after
from weft._core.channel import Channel
from weft._core.current import sleep
from weft._core.errors import ChannelClosed
from weft._core.sync import Event
from weft._core.timers import clock

__all__ = ["Link", "MemorySocket", "Network", "datagrams", "socketpair"]

ROOM = 65536  # bytes under way or unread before a sender waits
RETRANSMISSION = 0.2  # seconds
Address = Any


def error(kind: type[OSError], number: int) -> OSError:
    return kind(number, os.strerror(number))


class Link:
    """A line between two sockets; its attributes may be changed while it is in use.

    `delay`: seconds that each byte is under way. `rate`: bytes a second, None for no limit. `loss`: the probability, 0 to 1, that what one
    ``send`` sent is lost. `seed`: of its dice. ``stalled``: while true, nothing arrives any more, and nobody is told.
    """

    def __init__(self, *, delay: float = 0, rate: float | None = None, loss: float = 0, seed: int = 1) -> None:
        self.delay = delay
        self.rate = rate
        self.loss = loss
        self.stalled = False
        self.broken = False
        self._dice = random.Random(seed)
        self._ends: list[Inbox] = []

    def loses(self) -> bool:
        """Throw the dice."""
        return self.loss > 0 and self._dice.random() < self.loss

    def reset(self) -> None:
        """Break the line: both ends get ConnectionResetError, now and later."""
        self.broken = True
        for end in self._ends:
            end.changed.set()

    def resume(self) -> None:
        """Let a stalled line work again."""
        self.stalled = False
        for end in self._ends:
            end.changed.set()


class Inbox:
    """What is under way to one end, and what has arrived there."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.parcels: deque[tuple[float, memoryview, Address]] = deque()  # when it arrives, what, and from whom
        self.size = 0
        self.free_at = 0.0  # when the line is free for the next
        self.ended = False  # the sender sends no more
        self.closed = False  # the receiver reads no more
        self.changed = Event()
        link._ends.append(self)

    def put(self, data: bytes, sender: Address, extra: float = 0) -> None:
        """Send `data` on its way."""
        now = clock()
        took = len(data) / self.link.rate if self.link.rate else 0.0
        self.free_at = max(self.free_at, now) + took
        when = self.free_at + self.link.delay + extra
        if self.parcels:
            when = max(when, self.parcels[-1][0])
        self.parcels.append((when, memoryview(data), sender))
        self.size += len(data)
        self.changed.set()

    def wait(self, deadline: float | None) -> bool:
        """Wait until something changes or the first parcel arrives; False once `deadline` has passed."""
        moments = [deadline] if deadline is not None else []
        if self.parcels and not self.link.stalled and self.parcels[0][0] > clock():
            moments.append(self.parcels[0][0])
        self.changed.clear()
        with move_on_after(max(min(moments) - clock(), 0) if moments else None):
            self.changed.wait()
        return deadline is None or clock() < deadline

    def arrived(self) -> bool:
        """Whether the first parcel is here."""
        return bool(self.parcels) and not self.link.stalled and self.parcels[0][0] <= clock()


class MemorySocket:
    """One end of a line in memory, with the methods and the errors of ``socket.socket``; it has no descriptor (``fileno()`` is -1)."""

    family = standard.AF_UNIX

    def __init__(self, link: Link, kind: int, inbox: Inbox, outbox: Inbox, name: Address, peer: Address) -> None:
        self.link = link
        self.type = kind
        self.proto = 0
        self._inbox = inbox
        self._outbox = outbox
        self._name = name
        self._peer = peer
        self._timeout: float | None = standard.getdefaulttimeout()
        self._io_refs = 0
        self._closed = False

    makefile = standard.socket.makefile
    _decref_socketios = standard.socket._decref_socketios  # type: ignore[attr-defined]

    def _deadline(self) -> float | None:
        return None if self._timeout is None else clock() + self._timeout

    def _check(self) -> None:
        if self._closed and self._io_refs <= 0:
            raise error(OSError, errno.EBADF)
        if self.link.broken:
            raise error(ConnectionResetError, errno.ECONNRESET)

    def _wait(self, box: Inbox, deadline: float | None) -> None:
        if self._timeout == 0:
            raise error(BlockingIOError, errno.EAGAIN)
        if not box.wait(deadline):
            raise TimeoutError("timed out")

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        """As ``socket.recv_into``."""
        return self._receive(memoryview(buffer).cast("B"), nbytes, flags)[0]

    def _receive(self, view: memoryview, nbytes: int, flags: int) -> tuple[int, Address]:
        wanted = nbytes or len(view)
        deadline = self._deadline()
        box = self._inbox
        while True:
            self._check()
            if box.arrived():
                when, data, sender = box.parcels.popleft()
                count = min(len(data), wanted)
                view[:count] = data[:count]
                rest = data[count:] if self.type == standard.SOCK_STREAM else data[:0]
                if flags & standard.MSG_PEEK:
                    box.parcels.appendleft((when, data, sender))
                    return count, sender
                if rest:
                    box.parcels.appendleft((when, rest, sender))
                box.size -= len(data) - len(rest)
                box.changed.set()  # there is room
                return count, sender
            if wanted == 0 or (box.ended and not box.parcels and not self.link.stalled):
                return 0, self._peer
            self._wait(box, deadline)

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """As ``socket.recv``."""
        return self.recvfrom(bufsize, flags)[0]

    def recvfrom(self, bufsize: int, flags: int = 0) -> tuple[bytes, Address]:
        """As ``socket.recvfrom``."""
        if bufsize < 0:
            raise ValueError("negative buffersize in recv")
        buffer = bytearray(bufsize)
        count, sender = self._receive(memoryview(buffer), bufsize, flags)
        return bytes(buffer[:count]), sender

    def send(self, data: Any, flags: int = 0) -> int:
        """As ``socket.send``."""
        sent = bytes(data)
        deadline = self._deadline()
        box = self._outbox
        while True:
            self._check()
            if box.ended or box.closed:
                raise error(BrokenPipeError, errno.EPIPE)
            if box.size < ROOM or not sent:
                break
            self._wait(box, deadline)
        if self.type == standard.SOCK_DGRAM:
            if not self.link.loses():
                box.put(sent, self._name)
            return len(sent)
        part = sent[: ROOM - box.size]
        if part:
            box.put(part, self._name, RETRANSMISSION if self.link.loses() else 0)
        return len(part)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """As ``socket.sendall``."""
        view = memoryview(data).cast("B")
        while view:
            view = view[self.send(view, flags) :]

    def sendto(self, data: Any, *words: Any) -> int:
        """As ``socket.sendto``; the address is that of the other end, whatever is given."""
        return self.send(data)

    def shutdown(self, how: int) -> None:
        """As ``socket.shutdown``."""
        self._check()
        if how in (standard.SHUT_WR, standard.SHUT_RDWR):
            self._outbox.ended = True
            self._outbox.changed.set()
        if how in (standard.SHUT_RD, standard.SHUT_RDWR):
            self._inbox.ended = self._inbox.closed = True
            self._inbox.changed.set()

    def close(self) -> None:
        """As ``socket.close``: the line ends when the last file made of it is closed, too."""
        self._closed = True
        if self._io_refs <= 0:
            self._outbox.ended = self._inbox.closed = True
            self._outbox.changed.set()
            self._inbox.changed.set()

    def settimeout(self, value: float | None) -> None:
        """As ``socket.settimeout``."""
        if value is not None and value < 0:
            raise ValueError("Timeout value out of range")
        self._timeout = value

    def gettimeout(self) -> float | None:
        """As ``socket.gettimeout``."""
        return self._timeout

    def setblocking(self, flag: bool) -> None:
        """As ``socket.setblocking``."""
        self.settimeout(None if flag else 0.0)

    def setsockopt(self, *words: Any) -> None:
        """Accepted, and of no effect."""

    def getsockname(self) -> Address:
        """The address of this end."""
        return self._name

    def getpeername(self) -> Address:
        """The address of the other end."""
        return self._peer

    def fileno(self) -> int:
        """-1: there is no descriptor."""
        return -1

    def __enter__(self) -> "MemorySocket":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<weft.testing.MemorySocket {self._name!r} to {self._peer!r}{' closed' if self._closed else ''}>"


def make_pair(link: Link, kind: int, names: tuple[Address, Address]) -> tuple[MemorySocket, MemorySocket]:
    first, second = Inbox(link), Inbox(link)
    return MemorySocket(link, kind, first, second, *names), MemorySocket(link, kind, second, first, *reversed(names))


def socketpair(link: Link | None = None, **options: Any) -> tuple[MemorySocket, MemorySocket]:
    """Two connected stream sockets in memory, over `link` or one made with `options` (see Link)."""
    return make_pair(link or Link(**options), standard.SOCK_STREAM, ("first", "second"))


def datagrams(link: Link | None = None, **options: Any) -> tuple[MemorySocket, MemorySocket]:
    """Two connected datagram sockets in memory."""
    return make_pair(link or Link(**options), standard.SOCK_DGRAM, ("first", "second"))


class Listener:
    """A listening socket in memory."""

    def __init__(self, network: "Network", address: Address, backlog: int) -> None:
        self._network = network
        self._address = address
        self._waiting: Channel[MemorySocket] = Channel(backlog)
        self._timeout: float | None = None

    def accept(self) -> tuple[MemorySocket, Address]:
        """As ``socket.accept``."""
        try:
            connection = self._waiting.receive(self._timeout)
        except ChannelClosed:
            raise error(OSError, errno.EBADF) from None
        except TimeoutError:
            raise TimeoutError("timed out") from None
        return connection, connection.getpeername()

    def settimeout(self, value: float | None) -> None:
        """As ``socket.settimeout``."""
        self._timeout = value

    def getsockname(self) -> Address:
        """The address that it listens at."""
        return self._address

    def close(self) -> None:
        """Listen no more; who waits in ``accept`` gets OSError(EBADF)."""
        self._waiting.close()
        self._network._listeners.pop(self._address, None)

    def __enter__(self) -> "Listener":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Network:
    """Addresses at which sockets in memory can listen and be reached; each connection gets a Link with `options`."""

    def __init__(self, **options: Any) -> None:
        Link(**options)  # says what is wrong with them
        self._options = options
        self._listeners: dict[Address, Listener] = {}
        self._ports = 49152
        self.links: list[Link] = []

    def listen(self, address: Address, backlog: int = 128) -> Listener:
        """A listener at `address`, such as ``("example.org", 80)``; port 0 is replaced by a free one. OSError if it is taken."""
        if isinstance(address, tuple) and address[1] == 0:
            address = (address[0], self._port())
        if address in self._listeners:
            raise error(OSError, errno.EADDRINUSE)
        self._listeners[address] = Listener(self, address, backlog)
        return self._listeners[address]

    def connect(self, address: Address, timeout: float | None = None) -> MemorySocket:
        """A connection to `address`, after the line's delay to and fro. ConnectionRefusedError if nobody listens there, or TimeoutError."""
        link = Link(**self._options)
        mine, theirs = make_pair(link, standard.SOCK_STREAM, (("client", self._port()), address))
        with move_on_after(timeout) as scope:
            sleep(2 * link.delay)
            listener = self._listeners.get(tuple(address) if isinstance(address, list) else address)
            if listener is None:
                raise error(ConnectionRefusedError, errno.ECONNREFUSED)
            listener._waiting.send(theirs)
        if scope.cancelled_caught:
            raise TimeoutError("timed out")
        self.links.append(link)
        return mine

    def _port(self) -> int:
        self._ports += 1
        return self._ports

    @contextmanager
    def patched(self) -> Iterator["Network"]:
        """Let ``socket.create_connection`` and ``socket.create_server`` of the standard library use this network in a block."""

        def create_connection(address: Address, timeout: Any = None, *_: Any, **__: Any) -> MemorySocket:
            limit = timeout if isinstance(timeout, (int, float)) else None
            connection = self.connect(address, limit)
            connection.settimeout(limit)
            return connection

        def create_server(address: Address, **_: Any) -> Listener:
            return self.listen(address)

        saved = standard.create_connection, standard.create_server
        standard.create_connection, standard.create_server = create_connection, create_server  # type: ignore[assignment]
        try:
            yield self
        finally:
            standard.create_connection, standard.create_server = saved
