"""The cooperative twin of ``ssl``: the same names; a handshake, a read and a write park the task.

No class of the standard module is replaced by a subclass of the same name (the properties of its contexts call ``super(SSLContext,
SSLContext)`` and would recurse). Patching gives ``ssl.SSLSocket`` itself the methods that park, and weft's socket as its base: contexts,
sockets and subclasses of both park, whoever imported them and when.

While the TLS object lives, the interpreter's timeout field is 0 and the descriptor does not block, so that OpenSSL never waits; the timeout
that the program set is kept beside it. ``unwrap`` gives both back.
"""

import ssl as standard
from ssl import *  # noqa: F403  # the twin has the standard module's names, whatever they are in this version
from typing import Any

from weft._core import tls
from weft._core.ownership import alone
from weft.socket import socket


class SSLSocket(standard.SSLSocket, socket):
    """``ssl.SSLSocket``, parking the task where the standard one blocks the thread."""

    _patience: float | None

    def settimeout(self, value: float | None, /) -> None:
        """As ``socket.settimeout``."""
        socket.settimeout(self, value)
        self._patience = socket.gettimeout(self)
        if self._sslobj is not None:
            socket.settimeout(self, 0)

    def gettimeout(self) -> float | None:
        """As ``socket.gettimeout``."""
        return self._patience if "_patience" in self.__dict__ else socket.gettimeout(self)

    @property
    def timeout(self) -> float | None:
        """As ``socket.timeout``."""
        return self.gettimeout()

    def setblocking(self, flag: bool, /) -> None:
        """As ``socket.setblocking``."""
        self.settimeout(None if flag else 0.0)

    def getblocking(self) -> bool:
        """As ``socket.getblocking``."""
        return self.gettimeout() != 0

    read, recv, recv_into = tls.read, tls.recv, tls.recv_into
    write, send, sendall = tls.write, tls.send, tls.sendall

    def do_handshake(self, block: bool = False) -> None:
        """Shake hands; `block` does so even on a socket that does not block."""
        self._check_connected()
        alone(self)  # as a TLS stream is
        patience = self.gettimeout()
        try:
            if patience == 0.0 and block:
                self.settimeout(None)
            tls.cooperate(self, self._sslobj.do_handshake)
        finally:
            if patience == 0.0 and block:
                self.settimeout(patience)

    def unwrap(self) -> Any:
        """End the TLS stream; the socket goes on in the clear."""
        if not self._sslobj:
            raise ValueError("No SSL wrapper around " + str(self))
        patience = self.gettimeout()
        plain = tls.cooperate(self, self._sslobj.shutdown)
        self._sslobj = None
        self.settimeout(patience)
        return plain

    def shutdown(self, how: int) -> None:
        """End one direction or both, and the TLS stream with them; what still comes is read in the clear."""
        patience = self.gettimeout()
        self._checkClosed()
        self._sslobj = None
        self.settimeout(patience)
        socket.shutdown(self, how)

    def _real_connect(self, addr: Any, connect_ex: bool) -> int | None:
        if self.server_side:
            raise ValueError("can't connect in server-side mode")
        if self._connected or self._sslobj is not None:
            raise ValueError("attempt to connect already-connected SSLSocket!")
        self._sslobj = self.context._wrap_socket(self, False, self.server_hostname, owner=self, session=self._session)
        try:
            error = socket.connect_ex(self, addr) if connect_ex else socket.connect(self, addr)
            if not error:
                self._connected = True
                if self.do_handshake_on_connect:
                    self.do_handshake()
            return error
        except (OSError, ValueError):
            self._sslobj = None
            raise

    def accept(self) -> tuple["SSLSocket", Any]:
        """Wait for a connection and shake hands; returns the new TLS socket and the peer's address."""
        accepted, address = socket.accept(self)
        wrapped = self.context.wrap_socket(
            accepted,
            do_handshake_on_connect=self.do_handshake_on_connect,
            suppress_ragged_eofs=self.suppress_ragged_eofs,
            server_side=True,
        )
        return wrapped, address


class SSLContext(standard.SSLContext):
    """``ssl.SSLContext`` whose sockets park; for programs that do not patch."""

    sslsocket_class = SSLSocket


def create_default_context(*args: Any, **kwargs: Any) -> standard.SSLContext:
    """``ssl.create_default_context``, whose sockets park."""
    context = standard.create_default_context(*args, **kwargs)
    context.sslsocket_class = SSLSocket
    return context


_PARKING = {name: value for name, value in vars(SSLSocket).items() if callable(value) or isinstance(value, property)}
__patches__: dict[str, dict[str, Any]] = {
    "ssl.SSLSocket": {"__bases__": (socket,), **_PARKING},
}
