"""The cooperative twin of ``ssl``: the same names; a handshake, a read and a write park the task.

No class of the standard module is replaced by a subclass of the same name (the properties of its contexts call ``super(SSLContext,
SSLContext)`` and would recurse). Patching gives ``ssl.SSLSocket`` itself the methods that park, and weft's socket as its base: contexts,
sockets and subclasses of both park, whoever imported them and when.

While the TLS object lives, the interpreter's timeout field is 0 and the descriptor does not block, so that OpenSSL never waits; the timeout
that the program set is kept beside it. ``unwrap`` gives both back.
"""

import ssl as standard
import time
from ssl import *  # noqa: F403  # the twin has the standard module's names, whatever they are in this version
from typing import Any

from weft._core.descriptors import wait_readable, wait_writable
from weft._core.sockets import made
from weft.socket import socket

_clock = time.monotonic


def _timed_out(method: Any) -> TimeoutError:
    name = getattr(method, "__name__", "TLS").removeprefix("do_")
    return TimeoutError(f"The {name} operation timed out")


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

    def _cooperate(self, method: Any, *args: Any) -> Any:
        """Call a method of the TLS object, and park for what it wants. The timeout counts for the whole call."""
        patience = self.gettimeout()
        if socket.gettimeout(self) != 0:
            self._patience = patience
            socket.settimeout(self, 0)
        deadline = None
        while True:
            try:
                return method(*args)
            except standard.SSLWantReadError:
                if patience == 0:
                    raise
                wait = wait_readable
            except standard.SSLWantWriteError:
                if patience == 0:
                    raise
                wait = wait_writable
            left = None
            if patience is not None:
                deadline = deadline if deadline is not None else _clock() + patience
                left = deadline - _clock()
                if left <= 0:
                    raise _timed_out(method)
            try:
                wait(self, left)
            except TimeoutError:
                raise _timed_out(method) from None

    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        """Read up to `len` bytes from the TLS stream, into `buffer` if there is one."""
        self._checkClosed()
        if self._sslobj is None:
            raise ValueError("Read on closed or unwrapped SSL socket.")
        try:
            if buffer is not None:
                return self._cooperate(self._sslobj.read, len, buffer)
            return self._cooperate(self._sslobj.read, len)
        except standard.SSLError as error:
            if error.args[0] == standard.SSL_ERROR_EOF and self.suppress_ragged_eofs:
                return b"" if buffer is None else 0
            raise

    def write(self, data: Any) -> int:
        """Write `data` to the TLS stream; returns how many of its bytes were taken."""
        self._checkClosed()
        if self._sslobj is None:
            raise ValueError("Write on closed or unwrapped SSL socket.")
        return self._cooperate(self._sslobj.write, data)

    def send(self, data: Any, flags: int = 0) -> int:
        """Send `data`; returns how many of its bytes were taken."""
        self._checkClosed()
        if self._sslobj is None:
            return socket.send(self, data, flags)
        if flags != 0:
            raise ValueError(f"non-zero flags not allowed in calls to send() on {self.__class__}")
        return self._cooperate(self._sslobj.write, data)

    def do_handshake(self, block: bool = False) -> None:
        """Shake hands; `block` does so even on a socket that does not block."""
        self._check_connected()
        made(self)  # nobody else shares a TLS stream
        patience = self.gettimeout()
        try:
            if patience == 0.0 and block:
                self.settimeout(None)
            self._cooperate(self._sslobj.do_handshake)
        finally:
            if patience == 0.0 and block:
                self.settimeout(patience)

    def unwrap(self) -> Any:
        """End the TLS stream; the socket goes on in the clear."""
        if not self._sslobj:
            raise ValueError("No SSL wrapper around " + str(self))
        patience = self.gettimeout()
        plain = self._cooperate(self._sslobj.shutdown)
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
