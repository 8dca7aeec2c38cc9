"""A WSGI server (PEP 3333): each connection is a task, and the application is plain blocking code.

    from weft.wsgi import WSGIServer

    WSGIServer(application, "127.0.0.1", 8000).serve_forever()

What is read of a connection is in ``requests``, what is written in ``responses``, and who does both in ``server``. HTTP itself is read by
llhttp, the parser of Node, through ``httptools`` (``pip install weft[serve]``): strict about what two servers could read in two ways.
Requests on a connection are answered one after the other; a body is read only when the application asks for it, so 10 GB need no memory.
"""

from weft.wsgi.server import WSGIServer

__all__ = ["WSGIServer"]
