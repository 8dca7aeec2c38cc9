"""The cooperative twin of pyOpenSSL's connections: what waits for the peer parks the task.

pyOpenSSL hands the descriptor to OpenSSL, which would wait in C. With a descriptor that does not block, OpenSSL says what it wants
instead. A connection whose socket has a timeout, or does not block, does so anyway, and stays as it is.
"""

import os
from collections.abc import Callable
from typing import Any

from OpenSSL import SSL

from weft._core.descriptors import wait_readable, wait_writable

METHODS = ("do_handshake", "recv", "read", "recv_into", "send", "write", "shutdown")


def attempt(number: int, call: Callable[[], Any]) -> Any:
    """Make a call while the descriptor does not block."""
    blocking = os.get_blocking(number)
    if blocking:
        os.set_blocking(number, False)
    try:
        return call()
    finally:
        if blocking:
            os.set_blocking(number, True)


def parking(name: str) -> Callable[..., Any]:
    """Return the method `name`, parking where the standard one blocks."""
    standard = getattr(SSL.Connection, name)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self._socket is None or self._socket.gettimeout() is not None:
            return standard(self, *args, **kwargs)
        while True:
            number = self._socket.fileno()
            try:
                return attempt(number, lambda: standard(self, *args, **kwargs))
            except SSL.WantReadError:
                wait_readable(number)
            except SSL.WantWriteError:
                wait_writable(number)

    method.__name__, method.__qualname__, method.__doc__ = name, standard.__qualname__, standard.__doc__
    return method


def sendall(self: Any, buf: Any, flags: int = 0) -> int:
    """Send all of `buf`, in as many pieces as it takes; returns how many bytes that were."""
    if self._socket is None or self._socket.gettimeout() is not None:
        return int(standard_sendall(self, buf, flags))
    whole = memoryview(buf.encode() if isinstance(buf, str) else buf).cast("B")
    sent = 0
    while sent < len(whole):
        sent += self.send(whole[sent : sent + 2**20], flags)
    return sent


standard_sendall = SSL.Connection.sendall
__patches__ = {"OpenSSL.SSL.Connection": {**{name: parking(name) for name in METHODS}, "sendall": sendall}}
