# cython: language_level=3, boundscheck=False, wraparound=False
"""What a task waits with, and where it stands in line.

Invariants:
- A waiter is one wait of one task: a late wake finds an old waiter, never a new wait. A scheduler uses one again that nobody else knows any more
  (an event wake 0.237 us without, 0.230 with).
- A waiter is woken at most once; whoever is refused (False) still holds what it wanted to hand over, and goes on to the next.
- A task that never runs again, since its thread has ended or the process was forked, is handed nothing: its run queue is abandoned.
- Who comes first wins: a task that was woken gets what it was handed, even if its timeout or its cancellation came before it could
  run; one whose timeout or cancellation came first leaves the line in that moment, and is handed nothing.
- Making one does not start the cyclic collector, as an allocation may before 3.12: a finalizer could then do, between the look and
  the wait, what is waited for.
- A waiter leaves its line in one step (doubly linked), so a hundred thousand timeouts on one queue are not quadratic.
- A waiter may be one of several of the same wait, in several lines (``master`` is the one that the task is parked on): the first that is
  woken wakes the master and becomes its ``value``; the others refuse.
- Waking runs no Python code and allocates nothing: threads, signal handlers and finalizers may wake.
"""

cimport cython
from cpython.ref cimport Py_DECREF, Py_INCREF
from weft._core.runqueue cimport Runnable, RunQueue


@cython.final
@cython.no_gc
@cython.freelist(1024)
cdef class Waiter:
    """One wait of one task."""

    cdef bint wake(self) noexcept:
        """Wake the task; False if it was woken already, or has given up."""
        if self.woken or self.gone:
            return False
        if self.master is not None:
            if not self.master.wake():
                return False
            self.master.value = self
        if self.parked:
            if self.ready.abandoned:
                self.gone = True
                return False
            self.parked = False
            self.ready.push(self.fiber)
        self.woken = True
        return True

    cdef void leave(self) noexcept:
        """Give up: leave the line, and refuse to be woken."""
        self.gone = True
        self.unlink()

    cdef void unlink(self) noexcept:
        cdef WaitQueue queue = self.queue
        if queue is None:
            return
        if self.before == NULL:
            queue.head = self.after
        else:
            (<Waiter>self.before).after = self.after
        if self.after == NULL:
            queue.tail = self.before
        else:
            (<Waiter>self.after).before = self.before
        self.before = self.after = NULL
        self.queue = None
        queue.size -= 1
        Py_DECREF(self)


@cython.final
cdef class WaitQueue:
    """Waiters, first come, first served. The line owns a reference to each waiter in it."""

    def __dealloc__(self):
        cdef Waiter waiter
        while self.head != NULL:
            waiter = <Waiter>self.head
            self.head = waiter.after
            waiter.before = waiter.after = NULL
            Py_DECREF(waiter)

    cdef void join(self, Waiter waiter) noexcept:
        Py_INCREF(waiter)
        waiter.queue = self
        waiter.after = NULL
        waiter.before = self.tail
        if self.tail == NULL:
            self.head = <void *>waiter
        else:
            (<Waiter>self.tail).after = <void *>waiter
        self.tail = <void *>waiter
        self.size += 1

    cdef Waiter take(self):
        """Take the first waiter out of the line; None if nobody waits."""
        if self.head == NULL:
            return None
        cdef Waiter waiter = <Waiter>self.head
        waiter.unlink()
        return waiter

    cdef Waiter wake_first(self):
        """Wake the first who is still there, and return it, so that it can be handed something; None if nobody is."""
        cdef Waiter waiter
        while self.head != NULL:
            waiter = self.take()
            if waiter.wake():
                return waiter
        return None

    cdef bint wake_one(self):
        """Wake the first who is still there; False if nobody is."""
        return self.wake_first() is not None

    cdef int wake_all(self) except -1:
        cdef Waiter waiter
        while self.head != NULL:
            waiter = self.take()
            waiter.wake()
        return 0

    cdef void wake_fiber(self, Runnable fiber) noexcept:
        """Wake every wait of `fiber` in the line."""
        cdef Waiter waiter
        cdef void *link = self.head
        while link != NULL:
            waiter = <Waiter>link
            link = waiter.after
            if (waiter if waiter.master is None else waiter.master).fiber is fiber:
                waiter.unlink()
                waiter.wake()

    cdef void dismiss_all(self):
        """Wake everybody, and tell each that what it waits for will not come."""
        cdef Waiter waiter = self.wake_first()
        while waiter is not None:
            waiter.dismissed = True
            waiter = self.wake_first()

    cdef list tasks(self):
        """The tasks in the line, the first first: for people."""
        cdef Waiter waiter
        cdef void *link = self.head
        cdef list found = []
        while link != NULL:
            waiter = <Waiter>link
            link = waiter.after
            fiber = waiter.fiber if waiter.master is None else waiter.master.fiber
            if fiber is not None:
                found.append(fiber)
        return found


cdef class Awaited:
    """Something that tasks stand in one line for."""

    def __cinit__(self):
        self.line = WaitQueue()

    @property
    def waiters(self) -> list:
        """The tasks that wait, the first first."""
        return self.line.tasks()
