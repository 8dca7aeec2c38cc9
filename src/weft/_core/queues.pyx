# cython: language_level=3, boundscheck=False, wraparound=False, binding=True
"""Queues with the names and the semantics of ``queue``.

Invariants, beside those of every source:
- While somebody waits to put, the queue is full; whoever takes an item moves the first of those items in.
- After ``shutdown`` nothing goes in; who waits is woken and dismissed.
- A PriorityQueue compares items, which may run Python code: it does so under a lock of its own. It
  finds a place by comparisons alone and moves items then, so that an error at any comparison leaves
  the heap as it was: as many items come out as went in. An item that waits to be put is compared by
  the task that makes room; the error of a comparison is the putter's. An interruption of that task
  is not: then the place is promised to the putter, which compares its item itself.
- ``SimpleQueue.put`` runs no Python code: a finalizer or a signal handler may call it, and so may any OS thread.
"""

from weft._core.fiber cimport Fiber
from weft._core.budget cimport VAIN, charge, peek
from weft._core.scheduler cimport Scheduler
from weft._core.schedulers cimport get_scheduler
from weft._core.source cimport Source
from weft._core.sync cimport Lock
from weft._core.timers cimport in_range, queueing, queueing_exactly
from weft._core.waiting cimport Waiter, WaitQueue

import _queue

from weft._core.errors import Cancelled, ShutDown

cdef object Empty = _queue.Empty


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
        if self.items:
            peek()
        if self.attempt():
            return self.claim()
        if seconds != -1 and not self.may_wait(seconds):
            raise Empty
        if not self.await_item(seconds):
            raise Empty
        return self.claim()

    cdef bint may_wait(self, double seconds) except -1:
        """Return whether a call that may take so many seconds may wait now.

        Raises the error for a number that is too large, as ``queue`` does here.
        """
        if seconds == 0:
            charge(get_scheduler(), VAIN)
            return False
        in_range(seconds)
        return True

    def get_nowait(self):
        """Take the first item, or raise ``queue.Empty``."""
        return self.take(0)

    def qsize(self) -> int:
        """How many items are stored."""
        peek()
        return len(self.items)

    def empty(self) -> bool:
        """True if none is."""
        peek()
        return not self.items


cdef class SimpleQueue(Store):
    """An unbounded queue: ``queue.SimpleQueue``."""

    def get(self, bint block=True, timeout=None):
        """Take the first item, waiting at most `timeout` seconds (None: as long as it takes). Raises ``queue.Empty``."""
        return self.take(queueing_exactly(block, timeout))

    def put(self, item, block=True, timeout=None) -> None:
        """Put `item` in; never waits. `block` and `timeout` are there for the sake of ``Queue``'s interface."""
        if not self.hand_over(item):
            self.items.append(item)

    def put_nowait(self, item) -> None:
        """The same as ``put``."""
        self.put(item)


cdef class Queue(Store):
    """A queue of at most `maxsize` items, 0 for no bound: ``queue.Queue``."""

    def __cinit__(self):
        self.putters = WaitQueue()
        self.joiners = WaitQueue()

    def __init__(self, maxsize=0):
        self.maxsize = maxsize

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
        cdef Scheduler scheduler
        cdef Waiter waiter
        if self.takers.head == NULL:
            peek()
        if self.accept(item):
            return 1
        if seconds != -1 and not self.may_wait(seconds):
            return 0
        scheduler = get_scheduler()
        if scheduler.switches == 0 and self.accept(item):  # it is new: see source
            return 1
        waiter = Waiter.__new__(Waiter)
        waiter.value = item
        self.putters.join(waiter)
        if not scheduler.park(waiter, seconds, self):
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

    cdef int empty_out(self) except -1:
        """Drop what is stored: nobody will deal with it."""
        self.unfinished_tasks = max(self.unfinished_tasks - <Py_ssize_t>len(self.items), 0)
        if self.unfinished_tasks == 0:
            self.joiners.wake_all()
        self.items.clear()
        return 0

    def get(self, bint block=True, timeout=None):
        """Take the first item, waiting at most `timeout` seconds (None: as long as it takes). Raises ``queue.Empty``."""
        return self.take(-1 if block and timeout is None else queueing(block, timeout))

    def put(self, item, bint block=True, timeout=None) -> None:
        """Put `item` in, waiting at most `timeout` seconds for room (None: as long as it takes). Raises ``queue.Full``."""
        cdef double seconds = -1
        if self.maxsize > 0 and not (block and timeout is None):
            seconds = queueing(block, timeout)
        if not self.insert(item, seconds):
            from queue import Full

            raise Full

    def put_nowait(self, item) -> None:
        """Put `item` in, or raise ``queue.Full``."""
        self.put(item, False)

    def full(self) -> bool:
        """True if there is no room."""
        peek()
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
        cdef Scheduler scheduler = get_scheduler()
        while self.unfinished_tasks:
            scheduler.wait(self.joiners, -1, self)

    def shutdown(self, bint immediate=False) -> None:
        """Let nothing more in: ``put`` raises ShutDown, and so does ``get`` once the queue is empty. With `immediate` it is emptied, too.

        What was waiting is woken; from 3.13, ``queue.ShutDown`` is the error.
        """
        self.is_shutdown = True
        if immediate:
            self.empty_out()
        self.takers.dismiss_all()
        self.putters.dismiss_all()

    def __repr__(self):
        return f"<weft.{type(self).__name__} at {id(self):#x}: {len(self.items)} items, {self.takers.size} getting, {self.putters.size} putting>"


cdef class LifoQueue(Queue):
    """A queue that gives out what came last: ``queue.LifoQueue``."""

    cdef object fetch(self):
        return self.items.pop()


cdef object PROMISED = object()  # a woken putter's value: there is room for its item


cdef class Refused:
    """A woken putter's value: its item cannot be compared."""

    cdef object error


cdef bint before(object one, object other) except -1:
    """Return whether `one` comes out before `other`.

    Two that are stored and cannot be compared come out in any order. A signal handler's error that strikes in the
    comparison cannot be told from the comparison's own.
    """
    try:
        return one < other
    except Exception:
        return False


cdef class PriorityQueue(Queue):
    """A queue that gives out the smallest item:

    ``queue.PriorityQueue``. ``put`` raises what comparing its item does, TypeError mostly.
    """

    cdef Lock guard  # held while items are compared
    cdef Py_ssize_t promised  # places for tasks that were woken to put, and have not yet
    # shut down while items were compared: whoever does it empties the queue then
    cdef bint emptying

    def __cinit__(self):
        self.items = []
        self.guard = Lock()

    cdef int lock(self) except -1:
        cdef Fiber me = get_scheduler().current
        if not self.guard.held:
            self.guard.belong(me)
        elif self.guard.holder is me:
            raise RuntimeError("an item's comparison uses the queue that it is compared for")
        else:
            self.guard.take(-1)
        return 0

    cdef int unlock(self) except -1:
        dropped = None
        if self.emptying:
            self.emptying = False
            dropped = list(self.items)  # their finalizers run when the lock is free
            Queue.empty_out(self)
        return self.guard.give()

    cdef int empty_out(self) except -1:
        if self.guard.held:
            self.emptying = True
            return 0
        return Queue.empty_out(self)

    cdef bint prompt(self):
        return not self.guard.held

    cdef Py_ssize_t find(self, object item) except -1:
        """The place of `item` in the heap."""
        cdef list heap = self.items
        cdef Py_ssize_t place = len(heap)
        while place > 0 and item < heap[(place - 1) >> 1]:
            place = (place - 1) >> 1
        return place

    cdef int keep(self, object item) except -1:
        return self.keep_at(item, self.find(item))

    cdef int keep_at(self, object item, Py_ssize_t place) except -1:
        """Move the item's parents down, and put it into the gap. Runs no Python code."""
        cdef list heap = self.items
        cdef Py_ssize_t bottom = len(heap)
        heap.append(item)
        while bottom > place:
            heap[bottom] = heap[(bottom - 1) >> 1]
            bottom = (bottom - 1) >> 1
        heap[place] = item
        return 0

    cdef object fetch(self):
        cdef list heap = self.items
        cdef Py_ssize_t[64] path  # the smaller children, from the root to a leaf
        cdef Py_ssize_t count = len(heap) - 1, child = 1, place = 0
        cdef int depth = 0, step
        last = heap[count]
        if count == 0:
            return heap.pop()
        while child < count:
            if child + 1 < count and not before(heap[child], heap[child + 1]):
                child += 1
            path[depth] = child
            depth += 1
            child = 2 * child + 1
        while depth and before(last, heap[path[depth - 1]]):
            depth -= 1
        item = heap[0]
        heap.pop()
        for step in range(depth):
            heap[place] = heap[path[step]]
            place = path[step]
        heap[place] = last
        return item

    cdef bint attempt(self) except -1:
        self.lock()
        try:
            if not self.items:
                if self.is_shutdown:
                    raise ShutDown
                return False
            item = self.fetch()
            self.refill()
        finally:
            self.unlock()
        self.found = item  # last: nobody runs between this and ``claim``
        return True

    cdef int refill(self) except -1:
        """There is room:

        the first who waits to put gets it. Raises nothing that foreign code does.
        """
        cdef Waiter waiter
        cdef Py_ssize_t place
        while self.putters.head != NULL:
            waiter = <Waiter>self.putters.head
            item = waiter.value
            try:
                place = self.find(item)  # it may leave meanwhile
                if waiter.woken or waiter.gone:
                    continue
                self.keep_at(item, place)
                self.unfinished_tasks += 1
                waiter.value = None
                waiter.unlink()
                waiter.wake()
                return 0
            except Exception as error:
                if waiter.wake():
                    waiter.unlink()
                    waiter.value = Refused.__new__(Refused)
                    (<Refused>waiter.value).error = error
            except BaseException as error:
                if not isinstance(error, Cancelled):  # that one comes again at the next wait
                    get_scheduler().current.interrupt(error)
                return self.promise()
        return 0

    cdef int promise(self) except -1:
        """There is room for the first who waits to put; it compares its item itself."""
        cdef Waiter waiter = self.putters.wake_first()
        if waiter is not None:
            waiter.value = PROMISED
            self.promised += 1
        return 0

    cdef int store(self, object item) except -1:
        """There is room for `item`."""
        if not self.hand_over(item):
            self.keep(item)
        self.unfinished_tasks += 1
        return 0

    cdef bint crowded(self) except -1:
        """Return whether every place is taken or promised."""
        return 0 < self.maxsize <= <Py_ssize_t>len(self.items) + self.promised

    cdef bint accept(self, object item) except -1:
        self.lock()
        try:
            if self.items and self.crowded():
                item < self.items[0]  # what can be compared with nothing is refused before it waits
            if self.is_shutdown:
                raise ShutDown
            if self.crowded():
                return False
            self.store(item)
            return True
        finally:
            self.unlock()

    cdef int insert(self, object item, double seconds) except -1:
        cdef Scheduler scheduler
        cdef Waiter waiter
        cdef bint stored = False
        peek()
        if self.accept(item):
            return 1
        if seconds != -1 and not self.may_wait(seconds):
            return 0
        scheduler = get_scheduler()
        if scheduler.switches == 0 and self.accept(item):  # it is new: see source
            return 1
        waiter = Waiter.__new__(Waiter)
        waiter.value = item
        self.putters.join(waiter)
        try:
            if not scheduler.park(waiter, seconds, self):
                return 0
            if waiter.dismissed:
                raise ShutDown
            if waiter.value is None:
                return 1
            if waiter.value is not PROMISED:
                raise (<Refused>waiter.value).error
            self.lock()
            try:
                if self.is_shutdown:
                    raise ShutDown
                self.store(item)
                stored = True
            finally:
                self.unlock()
        finally:
            if waiter.woken and waiter.value is PROMISED:
                self.promised -= 1
                if not stored:
                    self.promise()
        return 1

    def full(self) -> bool:
        """True if there is no room."""
        peek()
        return self.crowded()
