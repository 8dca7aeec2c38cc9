# cython: language_level=3, boundscheck=False, wraparound=False, binding=True
"""Queues with the names and the semantics of ``queue``.

Invariants:
- An item goes straight to the first who waits for one; only with nobody waiting is it stored.
- An item that was handed to a waiter is returned by its ``get``, even if its timeout came too: nothing is lost.
- While somebody waits to put, the queue is full; whoever takes an item moves the first of those items in.
- ``SimpleQueue.put`` runs no Python code: a finalizer or a signal handler may call it, and so may any OS thread.
"""

from collections import deque

from weft._core.schedulers cimport get_scheduler
from weft._core.waiting cimport Waiter, WaitQueue

import _queue

cdef object Empty = _queue.Empty


cdef double patience(bint block, object timeout) except? -2:
    """``block`` and ``timeout`` as seconds: -1 without end, 0 for not at all."""
    cdef double value
    if not block:
        return 0
    if timeout is None:
        return -1
    value = timeout
    if value < 0:
        raise ValueError("'timeout' must be a non-negative number")
    return value


cdef class Store:
    """What every queue here has: items, and those who wait for one."""

    cdef object items
    cdef WaitQueue getters
    cdef object __weakref__

    def __cinit__(self):
        self.items = deque()
        self.getters = WaitQueue()

    def __class_getitem__(cls, item):
        return cls

    cdef bint hand_over(self, object item) except -1:
        """Give `item` to the first who waits for one; False if nobody does."""
        cdef Waiter waiter = self.getters.wake_first()
        if waiter is None:
            return False
        waiter.value = item
        return True

    cdef int refill(self) except -1:
        """An item was taken from the store."""
        return 0

    cdef object take(self, double seconds):
        cdef Waiter waiter
        if self.items:
            item = self.items.popleft()
            self.refill()
            return item
        if seconds == 0:
            raise Empty
        waiter = Waiter()
        self.getters.join(waiter)
        if not get_scheduler().park(waiter, seconds, self):
            raise Empty
        item, waiter.value = waiter.value, None
        return item

    def get(self, bint block=True, timeout=None):
        """Take the first item, waiting at most `timeout` seconds (None: as long as it takes). Raises ``queue.Empty``."""
        return self.take(patience(block, timeout))

    def get_nowait(self):
        """Take the first item, or raise ``queue.Empty``."""
        return self.take(0)

    def qsize(self) -> int:
        """How many items are stored."""
        return len(self.items)

    def empty(self) -> bool:
        """True if none is."""
        return not self.items


cdef class SimpleQueue(Store):
    """An unbounded queue: ``queue.SimpleQueue``."""

    def put(self, item, block=True, timeout=None) -> None:
        """Put `item` in; never waits. `block` and `timeout` are there for the sake of ``Queue``'s interface."""
        if not self.hand_over(item):
            self.items.append(item)

    def put_nowait(self, item) -> None:
        """The same as ``put``."""
        self.put(item)


cdef class Queue(Store):
    """A queue of at most `maxsize` items, 0 for no bound: ``queue.Queue``."""

    cdef readonly Py_ssize_t maxsize
    cdef readonly Py_ssize_t unfinished_tasks
    cdef WaitQueue putters
    cdef WaitQueue joiners

    def __init__(self, maxsize=0):
        self.maxsize = maxsize
        self.putters = WaitQueue()
        self.joiners = WaitQueue()

    cdef int insert(self, object item, double seconds) except -1:
        """1 once the item is in, 0 if the queue stayed full."""
        cdef Waiter waiter
        if self.hand_over(item):
            self.unfinished_tasks += 1
            return 1
        if self.maxsize <= 0 or len(self.items) < self.maxsize:
            self.items.append(item)
            self.unfinished_tasks += 1
            return 1
        if seconds == 0:
            return 0
        waiter = Waiter()
        waiter.value = item
        self.putters.join(waiter)
        return get_scheduler().park(waiter, seconds, self)

    cdef int refill(self) except -1:
        """There is room: the first who waits to put gets it."""
        cdef Waiter waiter = self.putters.wake_first()
        if waiter is not None:
            self.items.append(waiter.value)
            waiter.value = None
            self.unfinished_tasks += 1
        return 0

    def put(self, item, bint block=True, timeout=None) -> None:
        """Put `item` in, waiting at most `timeout` seconds for room (None: as long as it takes). Raises ``queue.Full``."""
        if not self.insert(item, patience(block, timeout)):
            from queue import Full

            raise Full

    def put_nowait(self, item) -> None:
        """Put `item` in, or raise ``queue.Full``."""
        self.put(item, False)

    def full(self) -> bool:
        """True if there is no room."""
        return 0 < self.maxsize <= len(self.items)

    def task_done(self) -> None:
        """One item that was taken is dealt with. ValueError if there are more of these calls than items."""
        if self.unfinished_tasks <= 0:
            raise ValueError("task_done() called too many times")
        self.unfinished_tasks -= 1
        if self.unfinished_tasks == 0:
            self.joiners.wake_all()

    def join(self) -> None:
        """Wait until every item is dealt with."""
        while self.unfinished_tasks:
            get_scheduler().wait(self.joiners, -1, self)

    def __repr__(self):
        return f"<weft.Queue at {id(self):#x}: {len(self.items)} items, {self.getters.size} getting, {self.putters.size} putting>"
