"""The server: who accepts, the tasks of the connections, and how all of it ends."""

import errno
import logging
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any
from wsgiref.util import FileWrapper

import weft
import weft.socket
import weft.ssl
from weft.wsgi.requests import BUFFER, Refused, Request, Requests
from weft.wsgi.responses import Response

Application = Callable[..., Iterable[bytes]]
log = logging.getLogger("weft.wsgi")
NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
LINGER = 2.0  # seconds for a client to take the answer to what it has not finished sending
DRAIN = 256 * 1024  # bytes of a body that nobody read, for the sake of the next request
NOTHING = Request({"REQUEST_METHOD": "GET"})


class WSGIServer:
    """Serve `application`, a task a connection, on `host` and `port` (0: any; see ``address``).

    `context` is a ``weft.ssl.SSLContext``, for TLS. `timeout` is how many seconds a client may take: between two requests, for the head
    of one, and to move on with a body. What is served is told to the logger ``weft.wsgi``, at INFO. Raises OSError when the address
    cannot be had. Source: PEP 3333, RFC 9112.
    """

    def __init__(
        self,
        application: Application,
        host: str = "127.0.0.1",
        port: int = 8000,
        *,
        context: weft.ssl.SSLContext | None = None,
        backlog: int = 1024,
        timeout: float = 60,
    ) -> None:
        if context is not None and not isinstance(context, weft.ssl.SSLContext):
            raise TypeError(
                f"context must be a weft.ssl.SSLContext, which waits without blocking; this is a {type(context).__module__}.SSLContext"
            )
        self.application = application
        self.context = context
        self.timeout = timeout
        self.listener = weft.socket.create_server(
            (host, port), backlog=backlog, family=weft.socket.AF_INET6 if ":" in host else weft.socket.AF_INET
        )
        self.address: tuple[str, int] = self.listener.getsockname()[:2]
        self.idle: set[Any] = set()  # connections between two requests
        self.tasks: set[weft.Task[None]] = set()
        self.stopping = False
        self.base: dict[str, Any] = {
            "SCRIPT_NAME": "",
            "SERVER_NAME": host,
            "SERVER_PORT": str(self.address[1]),
            "SERVER_SOFTWARE": "weft",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "https" if context else "http",
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
            "wsgi.file_wrapper": FileWrapper,
        }

    def serve_forever(self) -> None:
        """Accept and serve, until ``stop`` is called from another task. Raises OSError when the listener fails."""
        try:
            while True:
                try:
                    connection, address = self.listener.accept()
                except OSError as error:
                    if self.stopping:
                        return
                    if error.errno == errno.ECONNABORTED:
                        continue
                    if error.errno not in NO_ROOM:
                        raise
                    log.error("cannot accept: %s; trying again in 0.1 s", error.strerror)
                    weft.sleep(0.1)
                    continue
                task = weft.spawn(self.serve, connection, address)
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)
        finally:
            self.listener.close()

    def stop(self, timeout: float | None = 30) -> None:
        """Accept no more, let the requests that are being answered end, for at most `timeout` seconds, and close every connection."""
        self.stopping = True
        self.listener.close()
        for stream in list(self.idle):
            with suppress(OSError):
                stream.shutdown(weft.socket.SHUT_RD)
        tasks = list(self.tasks - {weft.current_task()})
        weft.wait(tasks, timeout)
        for task in tasks:
            task.cancel()
        weft.wait(tasks)

    def serve(self, connection: Any, address: Any) -> None:
        """One connection, from its first byte to its last. A client's faults end it, and nothing else."""
        with suppress(OSError), connection:
            connection.settimeout(self.timeout)
            connection.setsockopt(weft.socket.IPPROTO_TCP, weft.socket.TCP_NODELAY, 1)
            if self.context is None:
                self.converse(connection, address)
            else:
                with self.context.wrap_socket(connection, server_side=True) as stream:
                    self.converse(stream, address)

    def converse(self, stream: Any, address: Any) -> None:
        base = {**self.base, "REMOTE_ADDR": address[0], "REMOTE_PORT": str(address[1])}
        requests = Requests(stream, base, self.timeout)
        while True:
            self.idle.add(stream)
            try:
                request = None if self.stopping and not requests.ready else requests.next()
            except Refused as refused:
                Response(stream, NOTHING).refuse(refused.status)
                return self.linger(stream)
            finally:
                self.idle.discard(stream)
            if request is None:
                return
            response = Response(stream, request)
            response.keep_alive &= not self.stopping
            self.answer(response)
            if not response.keep_alive:
                return None if request.complete else self.linger(stream)
            if not request.complete and not self.drained(requests, request):
                return self.linger(stream)

    def answer(self, response: Response) -> None:
        """Run the application; what it raises is reported, and the client told as far as that can be done."""
        environ = response.request.environ
        try:
            response.run(self.application)
        except Refused as refused:
            response.refuse(refused.status)
        except (ConnectionError, TimeoutError):
            if response.sent:
                raise
            response.refuse("500 Internal Server Error")
        except Exception:
            self.report(response)
            response.refuse("500 Internal Server Error")
        if log.isEnabledFor(logging.INFO):
            log.info("%s %s %s %s", environ["REMOTE_ADDR"], environ["REQUEST_METHOD"], environ["PATH_INFO"], response.status)

    def report(self, response: Response) -> None:
        environ = response.request.environ
        log.exception("error in the answer to %s %s", environ["REQUEST_METHOD"], environ["PATH_INFO"])

    def drained(self, requests: Requests, request: Request) -> bool:
        """Read the rest of a body that the application left; False when that is too much."""
        size = 0
        while not request.complete and size < DRAIN:
            size += len(requests.more(request))
        return request.complete

    def linger(self, stream: Any) -> None:
        """End what we say, and read on for a moment: a close with unread bytes would take the answer back (RFC 9112, 9.6)."""
        stream.shutdown(weft.socket.SHUT_WR)
        with weft.move_on_after(LINGER):
            while stream.recv(BUFFER):
                pass
