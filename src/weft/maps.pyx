# cython: language_level=3, boundscheck=False, wraparound=False, binding=True
"""One function over many items, in tasks: lazy on the input and on the output.

Rules:
- Nothing begins before the first result is asked for; then the input is read no further than there is room for results.
- One task at a time reads the input, which may park in doing so, and need not be reentrant.
- The first error, of the input or of a call, is raised in its place; the rest is cancelled. For
  ``imap``, an Exception of a call ends that call alone.
- The workers do not hold the iterator that is read, so that it can be dropped while they wait for room; that ends them.
"""

from collections import deque
from concurrent.futures import CancelledError

from weft._core.schedulers cimport get_scheduler
from weft._core.sync cimport Lock
from weft._core.timers cimport lasting, time_left
from weft._core.waiting cimport WaitQueue

from weft._core.cancellation import CancelScope
from weft._core.errors import Cancelled
from weft._core.task import joinall, spawn

__all__ = ["Results", "map"]


cdef class Slot:
    """The place of one result."""

    cdef bint done
    cdef object value
    cdef object error


cdef class Work:
    """What the workers share."""

    cdef object fn
    cdef object items
    cdef bint star
    cdef bint ordered
    cdef bint exhausted
    cdef bint goes_on  # a call that raises an Exception ends only itself
    cdef Py_ssize_t limit
    cdef Py_ssize_t room  # results that may be under way or waiting
    cdef Py_ssize_t taken  # items: read,
    cdef Py_ssize_t running  # in work,
    cdef Py_ssize_t given  # and given to whoever iterates
    cdef Lock reading
    cdef object slots  # in the order of the input, or of the ends
    cdef WaitQueue readers  # who waits for room
    cdef WaitQueue askers  # who waits for a result
    cdef set workers

    def __cinit__(self):
        self.reading = Lock()
        self.slots = deque()
        self.readers = WaitQueue()
        self.askers = WaitQueue()
        self.workers = set()

    def __repr__(self):
        return "weft.map"

    cdef int hire(self) except -1:
        """One more worker."""
        worker = spawn(self.work)
        self.workers.add(worker)
        worker.add_done_callback(self.leave)
        return 0

    def leave(self, worker):
        """A worker has ended."""
        self.workers.discard(worker)
        if not self.workers:
            self.askers.wake_all()

    cdef object read(self, Slot slot):
        """The next item, whose place is `slot`; `slot` itself if there is none."""
        self.reading.take(-1)
        try:
            while not self.exhausted and self.taken - self.given >= self.room:
                get_scheduler().wait(self.readers, -1, self)
            if self.exhausted:
                return slot
            try:
                item = next(self.items)
            except BaseException as error:
                self.exhausted = True
                if isinstance(error, Cancelled):
                    raise
                if not isinstance(error, StopIteration):
                    self.fail(slot, error)
                return slot
            self.taken += 1
            if self.ordered:
                self.slots.append(slot)
            return item
        finally:
            self.reading.give()

    cdef int end(self, Slot slot) except -1:
        """`slot` has what it was made for."""
        slot.done = True
        if self.slots and self.slots[0] is slot:
            self.askers.wake_all()
        return 0

    cdef int fail(self, Slot slot, error) except -1:
        """`slot` has an error; nothing more is begun."""
        self.exhausted = True
        slot.error = error
        if slot not in self.slots:
            self.slots.append(slot)
        return self.end(slot)

    def work(self):
        """What a worker does."""
        cdef Slot slot
        while not self.exhausted:
            slot = Slot()
            item = self.read(slot)
            if item is slot:
                return
            self.running += 1
            try:
                if <Py_ssize_t>len(self.workers) < self.limit and not self.exhausted:
                    self.hire()
                slot.value = self.fn(*item) if self.star else self.fn(item)
            except Cancelled:
                self.fail(slot, CancelledError("the task of this item was cancelled"))
                raise
            except BaseException as error:
                if not (self.goes_on and isinstance(error, Exception)):
                    self.fail(slot, error)
                    return
                slot.error = error
            finally:
                self.running -= 1
            if not self.ordered:
                self.slots.append(slot)
            self.end(slot)
            item = None

    cdef Slot first(self, double seconds):
        """Return the next result; None after the last. TimeoutError if it takes longer than `seconds` (-1: no limit)."""
        cdef Slot slot
        cdef double deadline = 0
        while True:
            if self.slots and (<Slot>self.slots[0]).done:
                slot = self.slots.popleft()
                self.given += 1
                self.readers.wake_one()
                return slot
            if not self.workers:
                return None
            if not get_scheduler().wait(self.askers, time_left(seconds, &deadline), self):
                raise TimeoutError(f"no result within {seconds:g} seconds")

    cdef int cancel(self) except -1:
        """Let the workers end."""
        self.exhausted = True
        for worker in list(self.workers):
            worker.cancel()
        return 0


cdef class Results:
    """What ``weft.map`` returns: an iterator. As a context manager it ends what still runs when the block is left."""

    cdef Work work  # what its workers share; None if nobody but the caller made it
    cdef bint begun  # the first result was asked for
    cdef bint closed  # no more results come
    cdef object __weakref__

    cdef Work shared(self):
        """``work``, or TypeError: there is no other way to make one than ``weft.map``."""
        if self.work is None:
            raise TypeError("results are made by weft.map")
        return self.work

    def __class_getitem__(cls, item):
        return cls

    @property
    def counts(self) -> tuple:
        """How many items were taken from the input, are in work now, and were given out."""
        cdef Work work = self.shared()
        return work.taken, work.running, work.given

    def __iter__(self):
        return self

    cdef object take(self, double seconds):
        """Return the next result, waiting at most `seconds` (-1: no limit)."""
        cdef Slot slot = None
        cdef Work work = self.shared()
        try:
            if not self.begun:
                self.begun = True
                work.hire()
            if not self.closed:
                slot = work.first(seconds)
        except TimeoutError:  # the next one may be ready later
            raise
        except BaseException:
            work.cancel()
            raise
        if slot is None:
            raise StopIteration
        if slot.error is None:
            return slot.value
        if not work.goes_on:
            self.closed = True
            work.cancel()
        if isinstance(slot.error, StopIteration):  # it would end the caller's loop as if all were well
            raise RuntimeError("the function raised StopIteration") from slot.error
        raise slot.error

    def __next__(self):
        return self.take(-1)

    def next(self, timeout=None):
        """Return the next result; TimeoutError if there is none within `timeout` seconds (None: no limit)."""
        return self.take(lasting(timeout))

    def close(self) -> None:
        """End what still runs, and wait until it is over; no more results come."""
        cdef Work work = self.shared()
        self.begun = self.closed = True
        work.cancel()
        with CancelScope(shield=True):
            joinall(list(work.workers))
        work.slots.clear()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self.close()

    def __del__(self):
        if self.work is not None:
            self.work.cancel()


cdef Results results_of(fn, iterables, concurrency, ordered, buffer, bint goes_on):
    """Return the results of calls that have not begun."""
    cdef Work work = Work()
    cdef Results results = Results()
    cdef Py_ssize_t limit, room
    if concurrency < 1:
        raise ValueError(f"concurrency is {concurrency}; it must be at least 1")
    if buffer is not None and buffer < 0:
        raise ValueError(f"buffer is {buffer}; it must be 0 or more")
    if not iterables:
        raise TypeError("map takes a function and at least one iterable")
    limit = concurrency
    room = limit + (limit if buffer is None else <Py_ssize_t>buffer)  # before the input is touched
    work.fn = fn
    work.star = len(iterables) > 1
    work.items = zip(*iterables) if work.star else iter(iterables[0])
    work.ordered = ordered
    work.goes_on = goes_on
    work.limit = limit
    work.room = room
    results.work = work
    return results


def map(fn, /, *iterables, concurrency=100, ordered=True, buffer=None):
    """``fn(item)`` for each item, at most `concurrency` at a time; an iterator of the results, as the built-in ``map`` gives it.

    Lazy on both sides, so that the input may be endless: it is read as results are taken, and at most `buffer` (default: `concurrency`)
    of them wait. `ordered`: in the order of the input, or else as they come. An exception is raised in the place of its result, and
    the rest is cancelled. Use it as a context manager to end early: ``with weft.map(...) as results``.
    """
    return results_of(fn, iterables, concurrency, ordered, buffer, False)


def imap(fn, iterables, size, ordered):
    """Return the results of ``multiprocessing.pool.Pool.imap``: a call that raises an Exception ends nothing but itself."""
    return results_of(fn, iterables, size, ordered, None, True)
