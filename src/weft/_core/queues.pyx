# cython: language_level=3, boundscheck=False, wraparound=False, binding=True
"""Queues with the names and the semantics of ``queue``.

Invariants, beside those of every source:
- While somebody waits to put, the queue is full; whoever takes an item moves the first of those items in.
- After ``shutdown`` nothing goes in; who waits is woken and dismissed.
- A PriorityQueue compares items, which may run Python code: it does so under a lock of its own.
- ``SimpleQueue.put`` runs no Python code: a finalizer or a signal handler may call it, and so may any OS thread.
"""

from heapq import heappop, heappush

from weft._core.scheduler cimport in_vain
from weft._core.schedulers cimport get_scheduler
from weft._core.source cimport Source
from weft._core.sync cimport Lock
from weft._core.waiting cimport Waiter, WaitQueue

import _queue

from weft._core.errors import ShutDown

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


cdef class Store(Source):
    """What every queue here has."""

    cdef int keep(self, object item) except -1:
        """Store `item`."""
        self.items.append(item)
        return 0

    cdef object fetch(self):
        """Take the next item out of the store."""
        return self.items.popleft()

    cdef int refill(self) except -1:
        """An item was taken from the store."""
        return 0

    cdef bint attempt(self) except -1:
        if self.items:
            self.found = self.fetch()
            self.refill()
            return True
        if self.is_shutdown:
            raise ShutDown
        return False

    cdef object exhausted(self):
        return ShutDown()

    cdef object take(self, double seconds):
        if self.attempt():
            return self.claim()
        if seconds == 0:
            in_vain(get_scheduler())
            raise Empty
        if not self.await_item(seconds):
            raise Empty
        return self.claim()

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

    def __init__(self, maxsize=0):
        self.maxsize = maxsize
        self.putters = WaitQueue()
        self.joiners = WaitQueue()

    cdef bint accept(self, object item) except -1:
        """Take `item` in, if it can be now."""
        if self.is_shutdown:
            raise ShutDown
        if not self.hand_over(item):
            if 0 < self.maxsize <= len(self.items):
                return False
            self.keep(item)
        self.unfinished_tasks += 1
        return True

    cdef int insert(self, object item, double seconds) except -1:
        """1 once the item is in, 0 if the queue stayed full."""
        cdef Waiter waiter
        if self.accept(item):
            return 1
        if seconds == 0:
            in_vain(get_scheduler())
            return 0
        waiter = Waiter.__new__(Waiter)
        waiter.value = item
        self.putters.join(waiter)
        if not get_scheduler().park(waiter, seconds, self):
            return 0
        if waiter.dismissed:
            raise ShutDown
        return 1

    cdef int refill(self) except -1:
        """There is room: the first who waits to put gets it."""
        cdef Waiter waiter = self.putters.wake_first()
        if waiter is not None:
            item, waiter.value = waiter.value, None
            self.keep(item)
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

    def shutdown(self, bint immediate=False) -> None:
        """Let nothing more in: ``put`` raises ShutDown, and so does ``get`` once the queue is empty. With `immediate` it is emptied, too.

        What was waiting is woken; from 3.13, ``queue.ShutDown`` is the error.
        """
        self.is_shutdown = True
        if immediate:
            self.unfinished_tasks = max(self.unfinished_tasks - <Py_ssize_t>len(self.items), 0)
            self.items.clear()
            if self.unfinished_tasks == 0:
                self.joiners.wake_all()
        self.takers.dismiss_all()
        self.putters.dismiss_all()

    def __repr__(self):
        return f"<weft.{type(self).__name__} at {id(self):#x}: {len(self.items)} items, {self.takers.size} getting, {self.putters.size} putting>"


cdef class LifoQueue(Queue):
    """A queue that gives out what came last: ``queue.LifoQueue``."""

    cdef object fetch(self):
        return self.items.pop()


cdef class PriorityQueue(Queue):
    """A queue that gives out the smallest item: ``queue.PriorityQueue``. TypeError if items cannot be compared."""

    cdef Lock guard

    def __init__(self, maxsize=0):
        Queue.__init__(self, maxsize)
        self.items = []
        self.guard = Lock()

    cdef int keep(self, object item) except -1:
        heappush(self.items, item)
        return 0

    cdef object fetch(self):
        return heappop(self.items)

    cdef int lock(self) except -1:
        if self.guard.held:
            self.guard.take(-1)
        self.guard.held = True
        return 0

    cdef bint prompt(self):
        return not self.guard.held

    cdef bint attempt(self) except -1:
        self.lock()
        try:
            return Store.attempt(self)
        finally:
            self.guard.give()

    cdef bint accept(self, object item) except -1:
        cdef Waiter waiter
        self.lock()
        try:
            if self.items:
                item < self.items[0]  # what cannot be compared is refused here, not when there is room for it
            if not Queue.accept(self, item):
                return False
            if self.items and self.takers.head != NULL:  # somebody came while the items were compared
                waiter = self.takers.wake_first()
                if waiter is not None:
                    waiter.value = self.fetch()
            return True
        finally:
            self.guard.give()
