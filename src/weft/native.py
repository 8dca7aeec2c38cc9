"""The real, blocking primitives under weft's tasks, whatever has been patched: for code that must deal with OS threads.

    lock = weft.native.allocate_lock()
    weft.native.start_new_thread(work, ())

They block the whole OS thread and every task on it.
"""

import _queue
import _socket
import _thread
import select as _select
import time as _time

__all__ = ["RLock", "SimpleQueue", "allocate_lock", "epoll", "get_ident", "poll", "select", "sleep", "socket", "start_new_thread"]

RLock = _thread.RLock
SimpleQueue = _queue.SimpleQueue
allocate_lock = _thread.allocate_lock
get_ident = _thread.get_ident
poll = _select.poll
select = _select.select
sleep = _time.sleep
socket = _socket.socket
start_new_thread = _thread.start_new_thread
epoll = getattr(_select, "epoll", None)  # None where the platform has none
