"""The cooperative twin of ``socket``: the same names, and what would block the thread parks the task.

``weft.socket.socket`` is a real ``socket.socket``: ``isinstance`` holds, with and without patching. What differs:

- A socket that is closed while another task waits for it wakes that task with ``OSError(EBADF)``.
- The types are the standard module's (socket.pyi).
- Names are looked up on threads of their own (``weft.dns``), so ``connect`` to a name parks too.
"""

import _socket
import socket as standard
import types
from socket import *  # noqa: F403  # the twin has the standard module's names, whatever they are in this version
from typing import Any

from weft import dns
from weft._core.ownership import closing, handed, made
from weft._core.sockets import SocketCalls
from weft.dns import getaddrinfo

__all__ = list(standard.__all__)

INTERNET = (standard.AF_INET, standard.AF_INET6)


class socket(SocketCalls, standard.socket):
    """``socket.socket``, parking the task where the standard one blocks the thread."""

    __slots__ = ()
    __new__ = _socket.socket.__new__  # by the order of the bases it would be that of SocketCalls, which refuses subclasses

    def __init__(self, family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None) -> None:
        super().__init__(family, type, proto, fileno)
        if fileno is None:
            made(self)
        else:
            handed(self)

    def accept(self) -> tuple["socket", Any]:
        """Wait for a connection; returns a new socket and the peer's address."""
        number, address = self._accept()
        accepted = socket(self.family, self.type, self.proto, fileno=number)
        made(accepted, self)
        if standard.getdefaulttimeout() is None and self.gettimeout():
            accepted.setblocking(True)
        return accepted, address

    def _resolved(self, address: Any) -> Any:
        return resolved(self, address)

    def bind(self, address: Any, /) -> None:
        """Bind to `address`; a name is looked up first, parked."""
        super().bind(resolved(self, address))

    def connect(self, address: Any, /) -> None:
        """Connect to `address`; a name is looked up first, parked."""
        super().connect(resolved(self, address))

    def connect_ex(self, address: Any, /) -> int:
        """Connect to `address`; returns the error's number, 0 for none."""
        return super().connect_ex(resolved(self, address))

    def sendto(self, *args: Any) -> int:
        """Send `data` to an address; a name is looked up first, parked."""
        if len(args) in (2, 3) and isinstance(args[-1], tuple):
            args = (*args[:-1], resolved(self, args[-1]))
        return super().sendto(*args)

    def dup(self) -> "socket":
        """A second socket for a duplicate of the descriptor."""
        copy = super().dup()
        made(copy, self)
        return copy

    def detach(self) -> int:
        """Give the descriptor away; tasks that wait for it get ``OSError(EBADF)``."""
        closing(self)
        return super().detach()

    def _real_close(self, _ss: Any = _socket.socket) -> None:
        closing(self)
        super()._real_close(_ss)

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        """Send a file until its end, or `count` bytes of it from `offset`; returns how many were sent."""
        return self._sendfile_use_send(file, offset, count)


def resolved(sock: standard.socket, address: Any) -> Any:
    """Return `address` with its name replaced by a numeric one, so that the system call itself looks nothing up."""
    if sock.family not in INTERNET or not isinstance(address, tuple) or len(address) < 2 or dns.numeric(address[0]):
        return address
    if not isinstance(address[0], (str, bytes, bytearray)) or not isinstance(address[1], int):
        return address
    found = getaddrinfo(encoded(address[0]), None, sock.family, sock.type & ~KIND_FLAGS, sock.proto)  # the call itself checks the port
    return (found[0][4][0], *address[1:])


def encoded(host: str | bytes | bytearray) -> bytes:
    """Return a name as the standard module's calls that take an address encode it: ASCII stays as it is, and the resolver judges it."""
    try:
        name = bytes(host) if not isinstance(host, str) else host.encode("ascii" if host.isascii() else "idna")
    except UnicodeError as error:
        raise TypeError("encoding of hostname failed") from error
    if 0 in name:
        raise TypeError("host name must not contain null character")
    return name


KIND_FLAGS = getattr(standard, "SOCK_NONBLOCK", 0) | getattr(standard, "SOCK_CLOEXEC", 0)


SCOPE = {**vars(standard), "socket": socket}


def twin(name: str) -> Any:
    """The standard module's function `name` with the twin's names around it: the same code, signature and errors."""
    function = getattr(standard, name)
    copy = types.FunctionType(function.__code__, SCOPE, name, function.__defaults__, function.__closure__)
    copy.__kwdefaults__ = function.__kwdefaults__
    copy.__doc__ = function.__doc__
    return copy


for name in ("getaddrinfo", "gethostbyaddr", "gethostbyname", "gethostbyname_ex", "getnameinfo"):
    SCOPE[name] = getattr(dns, name)
create_connection = twin("create_connection")
create_server = twin("create_server")
fromfd = twin("fromfd")
getfqdn = twin("getfqdn")
standard_socketpair = twin("socketpair")


def socketpair(family: int | None = None, type: int = standard.SOCK_STREAM, proto: int = 0) -> tuple[socket, socket]:
    """A pair of connected sockets; UNIX ones where the platform has them."""
    first, second = standard_socketpair(family, type, proto)
    made(first)
    made(second)
    return first, second


__patches__ = {"socket": {"socket": socket, "socketpair": socketpair}}  # the module's other functions are made of these
