"""One WSGI application behind the servers of each, a process of its own: `python -m bench.wsgi_servers NAME` prints its port."""

import sys
from typing import Any

BACKLOG = 1024


def application(_: dict[str, Any], start: Any) -> list[bytes]:
    start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "13")])
    return [b"Hello, world\n"]


def told(port: int) -> None:
    print(port, flush=True)


def weft() -> None:
    from weft.wsgi import WSGIServer

    server = WSGIServer(application, port=0, backlog=BACKLOG)
    told(server.address[1])
    server.serve_forever()


def gevent() -> None:
    import gevent.monkey

    gevent.monkey.patch_all()
    from gevent.pywsgi import WSGIServer

    server = WSGIServer(("127.0.0.1", 0), application, backlog=BACKLOG, log=None)
    server.start()
    told(server.server_port)
    server.serve_forever()


def eventlet() -> None:
    import eventlet
    from eventlet import wsgi

    listener = eventlet.listen(("127.0.0.1", 0), backlog=BACKLOG)
    told(listener.getsockname()[1])
    wsgi.server(listener, application, log_output=False)


def threads() -> None:
    from socketserver import ThreadingMixIn
    from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

    class Server(ThreadingMixIn, WSGIServer):
        request_queue_size = BACKLOG
        daemon_threads = True

    class Handler(WSGIRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = make_server("127.0.0.1", 0, application, Server, Handler)
    told(server.server_port)
    server.serve_forever()


SERVERS = {"weft": weft, "gevent": gevent, "eventlet": eventlet, "threads": threads}

if __name__ == "__main__":
    SERVERS[sys.argv[1]]()
