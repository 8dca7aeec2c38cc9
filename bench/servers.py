"""The echo servers, each a process of its own: `python -m bench.servers NAME [CERTIFICATE KEY]` prints its port.

With a certificate it speaks TLS.

The servers of weft, gevent, eventlet and threads are the same plain blocking lines, a task a connection; asyncio and uvloop are measured by
their protocols, the fastest form that they have, and by their streams, the one that people write.
"""

import contextlib
import resource
import sys
from typing import Any

BUFFER = 100 * 1024
BACKLOG = 1024


def secure(ssl: Any) -> Any:
    """The context of a server, or None."""
    if len(sys.argv) < 4:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    return context


def plain(socket: Any, ssl: Any, spawn: Any) -> None:
    """The same lines for all that look like threads."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    print(listener.getsockname()[1], flush=True)
    context = secure(ssl)

    def serve(connection: Any) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) if context else connection as stream:
            while data := stream.recv(BUFFER):
                stream.sendall(data)

    while True:
        connection, _ = listener.accept()
        spawn(serve, connection)


def weft() -> None:
    import weft.socket
    import weft.ssl

    plain(weft.socket, weft.ssl, weft.spawn)


def gevent() -> None:
    import gevent.monkey

    gevent.monkey.patch_all()
    import socket
    import ssl

    plain(socket, ssl, gevent.spawn)


def eventlet() -> None:
    import eventlet

    eventlet.monkey_patch()
    import socket
    import ssl

    plain(socket, ssl, eventlet.spawn_n)


def threads() -> None:
    import socket
    import ssl
    from threading import Thread, stack_size

    stack_size(256 * 1024)
    plain(socket, ssl, lambda fn, connection: Thread(target=fn, args=(connection,), daemon=True).start())


def run(loop: str, main: Any) -> None:
    import asyncio

    if loop == "uvloop":
        import uvloop

        uvloop.run(main())
    else:
        asyncio.run(main())


def protocol(loop: str) -> None:
    import asyncio
    import ssl

    class Echo(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            self.transport.write(data)

    async def main() -> None:
        running = asyncio.get_running_loop()
        server = await running.create_server(Echo, "127.0.0.1", 0, backlog=BACKLOG, ssl=secure(ssl))
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    run(loop, main)


def streams(loop: str) -> None:
    import asyncio
    import ssl

    async def serve(reader: Any, writer: Any) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(BUFFER):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=BACKLOG, ssl=secure(ssl))
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    run(loop, main)


def trio() -> None:
    import ssl

    import trio

    async def serve(stream: Any) -> None:
        with contextlib.suppress(trio.BrokenResourceError):
            while data := await stream.receive_some(BUFFER):
                await stream.send_all(data)

    async def main() -> None:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=BACKLOG)
        print(listener.socket.getsockname()[1], flush=True)
        context = secure(ssl)
        await trio.serve_listeners(serve, [trio.SSLListener(listener, context) if context else listener])

    trio.run(main)


SERVERS = {
    "weft": weft,
    "gevent": gevent,
    "eventlet": eventlet,
    "asyncio": lambda: protocol("asyncio"),
    "uvloop": lambda: protocol("uvloop"),
    "asyncio_streams": lambda: streams("asyncio"),
    "uvloop_streams": lambda: streams("uvloop"),
    "trio": trio,
    "threads": threads,
}

if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    SERVERS[sys.argv[1]]()
