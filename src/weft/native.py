"""The real, blocking primitives under weft's tasks, whatever has been patched: for code that must deal with OS threads.

    lock = weft.native.allocate_lock()
    weft.native.start_new_thread(work, ())

They block the whole OS thread and every task on it.
"""

import _queue
import _socket
import _thread
import os as _os
import select as _select
import time as _time
from typing import Any

__all__ = [
    "RLock",
    "SimpleQueue",
    "allocate_lock",
    "close",
    "epoll",
    "get_ident",
    "poll",
    "read",
    "readv",
    "select",
    "sendfile",
    "sleep",
    "socket",
    "start_new_thread",
    "wait4",
    "waitid",
    "waitpid",
    "write",
    "writev",
]

RLock = _thread.RLock
SimpleQueue = _queue.SimpleQueue
allocate_lock = _thread.allocate_lock
get_ident = _thread.get_ident
start_new_thread = _thread.start_new_thread
select = _select.select
poll: Any = getattr(_select, "poll", None)  # eventlet takes it away
epoll: Any = getattr(_select, "epoll", None)  # None where the platform has none
sleep = _time.sleep
socket = _socket.socket
close = _os.close
read = _os.read
readv = _os.readv
write = _os.write
writev = _os.writev
sendfile = _os.sendfile
waitpid = _os.waitpid
wait4 = _os.wait4
waitid: Any = getattr(_os, "waitid", None)
