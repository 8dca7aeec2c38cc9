# cython: language_level=3, boundscheck=False, wraparound=False, binding=True
"""Locks that several tasks hold at once.

Invariants:
- First come, first served: nobody overtakes who waits longer, so that neither readers nor writers starve.
- Who is let in is woken and holds it already. Who gives up has left the line, and then lets in whom he kept out.
- Letting in runs no Python code: these locks, too, work between OS threads.
"""

from weft._core.budget cimport LOCK, charge
from weft._core.scheduler cimport Scheduler
from weft._core.schedulers cimport get_scheduler
from weft._core.timers cimport seconds
from weft._core.waiting cimport Awaited, Waiter

import threading

from weft._core.sync import Condition, Lock


cdef class Shared(Awaited):
    """A lock with one line; subclasses say who may come in."""

    cdef bint let_in(self, Waiter waiter) except -1:
        """Wake `waiter`, the first of the line, if it may come in now, and note that it holds the lock."""
        raise NotImplementedError

    cdef int admit(self) except -1:
        """Let in who may come in now, in the order of the line."""
        while self.line.head != NULL and self.let_in(<Waiter>self.line.head):
            pass
        return 0

    cdef bint enter(self, object wish, double limit) except -1:
        cdef Scheduler scheduler = get_scheduler()
        cdef Waiter waiter = Waiter.__new__(Waiter)
        cdef bint entered = False
        charge(scheduler, LOCK)
        waiter.value = wish
        waiter.fiber = scheduler.current
        self.line.join(waiter)
        self.admit()
        try:
            if limit == 0:
                waiter.leave()
                entered = waiter.woken
            else:
                entered = scheduler.park(waiter, limit, self)
        finally:
            if not entered:
                self.admit()
        return entered


cdef class Held:
    """A block in which a lock is held."""

    cdef RWLock lock
    cdef bint writes  # and not reads

    def __enter__(self):
        if self.lock is None:
            raise TypeError("blocks of this kind are made by RWLock.reading and RWLock.writing")
        self.lock.enter(self.writes, -1)

    def __exit__(self, *_):
        if self.lock is None:
            raise TypeError("blocks of this kind are made by RWLock.reading and RWLock.writing")
        if self.writes:
            self.lock.release_write()
        else:
            self.lock.release_read()


cdef class RWLock(Shared):
    """A lock that many readers or one writer hold: ``with lock.reading(): ...``, ``with lock.writing(): ...``.

    First come, first served: a reader that comes after a waiting writer waits for it. Not reentrant.
    """

    cdef list reads  # the tasks that have it for reading
    cdef readonly object writer  # the task that has it for writing, or None

    def __cinit__(self):
        self.reads = []

    @property
    def readers(self) -> list:
        """The tasks that hold it for reading."""
        return list(self.reads)

    cdef bint let_in(self, Waiter waiter) except -1:
        cdef bint writes = waiter.value
        if self.writer is not None or (writes and self.reads):
            return False
        fiber = waiter.fiber
        waiter.unlink()
        if waiter.wake():
            if writes:
                self.writer = fiber
            else:
                self.reads.append(fiber)
        return True

    def acquire_read(self, timeout=None) -> bool:
        """Take it for reading, waiting at most `timeout` seconds (None: as long as it takes). True if it was taken."""
        return self.enter(False, seconds(timeout))

    def acquire_write(self, timeout=None) -> bool:
        """Take it for writing, waiting at most `timeout` seconds (None: as long as it takes). True if it was taken."""
        return self.enter(True, seconds(timeout))

    cpdef release_read(self):
        """Give it back. RuntimeError if the task does not hold it for reading."""
        cdef Py_ssize_t index
        me = get_scheduler().current
        for index in range(len(self.reads)):
            if self.reads[index] is me:
                del self.reads[index]
                self.admit()
                return
        raise RuntimeError("cannot release a lock that this task does not hold for reading")

    cpdef release_write(self):
        """Give it back. RuntimeError if the task does not hold it for writing."""
        if self.writer is not get_scheduler().current:
            raise RuntimeError("cannot release a lock that this task does not hold for writing")
        self.writer = None
        self.admit()

    def reading(self):
        """Hold it for reading during a block."""
        cdef Held held = Held()
        held.lock = self
        return held

    def writing(self):
        """Hold it for writing during a block."""
        cdef Held held = Held()
        held.lock = self
        held.writes = True
        return held

    def __repr__(self):
        return f"<weft.RWLock at {id(self):#x}: {len(self.reads)} reading, writer={self.writer}, {self.line.size} waiting>"


cdef class CapacityLimiter(Shared):
    """At most `total_tokens` tasks at a time in a block: ``with limiter: ...``; the number can be changed while it is in use.

    Unlike a semaphore it knows who holds a token; a task holds one at most. The names are those of trio and anyio.
    """

    cdef dict holders  # the tasks that have a token, as keys
    cdef double total  # tokens

    def __cinit__(self):
        self.holders = {}
        self.total = 1

    def __init__(self, total_tokens):
        self.total_tokens = total_tokens

    @property
    def total_tokens(self) -> float:
        """How many tasks may hold a token. May be set, to infinity too; nobody loses the one that it holds."""
        return self.total

    @total_tokens.setter
    def total_tokens(self, value) -> None:
        cdef double total = value
        if not total >= 1:
            raise ValueError(f"total_tokens is {value}; it must be at least 1")
        self.total = total
        self.admit()

    @property
    def borrowed_tokens(self) -> int:
        """How many tokens are held."""
        return len(self.holders)

    @property
    def available_tokens(self) -> float:
        """How many more could be taken now."""
        return self.total - len(self.holders)

    @property
    def borrowers(self) -> list:
        """The tasks that hold a token."""
        return list(self.holders)

    cdef bint let_in(self, Waiter waiter) except -1:
        if len(self.holders) >= self.total:
            return False
        fiber = waiter.fiber
        waiter.unlink()
        if waiter.wake():
            self.holders[fiber] = None
        return True

    def acquire(self, timeout=None) -> bool:
        """Take a token, waiting at most `timeout` seconds (None: as long as it takes). True if it was taken.

        RuntimeError if the task holds one already.
        """
        if get_scheduler().current in self.holders:
            raise RuntimeError("this task holds a token of this limiter already")
        return self.enter(None, seconds(timeout))

    def release(self) -> None:
        """Give the token back. RuntimeError if the task holds none."""
        me = get_scheduler().current
        if me not in self.holders:
            raise RuntimeError("this task holds no token of this limiter")
        del self.holders[me]
        self.admit()

    def __enter__(self):
        self.acquire()

    def __exit__(self, *_):
        self.release()

    def __repr__(self):
        return f"<weft.CapacityLimiter at {id(self):#x}: {len(self.holders)} of {self.total:g} tokens borrowed, {self.line.size} waiting>"


class Barrier(threading.Barrier):
    """Tasks wait until so many of them have come: ``threading.Barrier``, with its arguments, attributes and errors."""

    def __init__(self, parties, action=None, timeout=None):
        threading.Barrier.__init__(self, parties, action, timeout)
        self._cond = Condition(Lock())
