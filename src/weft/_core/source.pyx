# cython: language_level=3, boundscheck=False, wraparound=False
"""What items are taken from: queues and channels.

Invariants:
- An item goes straight to the first who waits for one; only with nobody waiting is it stored.
- An item that was handed to a waiter is what its call returns, even if its timeout came too: nothing is lost.
- ``attempt`` and ``claim`` are one step: nobody runs in between.
- A thread's first wait makes its scheduler, which lets other threads run and may be refused. So it
  is made before a line is joined, and with one that is new (it has made no switch) the look is
  taken again.
"""

from collections import deque

from weft._core.scheduler cimport Scheduler
from weft._core.schedulers cimport get_scheduler
from weft._core.waiting cimport Waiter, WaitQueue


cdef class Source:
    """Items, and those who wait for one."""

    def __cinit__(self):
        self.items = deque()
        self.takers = WaitQueue()

    def __class_getitem__(cls, item):
        return cls

    cdef bint hand_over(self, object item) except -1:
        """Give `item` to the first who waits for one; False if nobody does."""
        cdef Waiter waiter = self.takers.wake_first()
        if waiter is None:
            return False
        waiter.value = item
        return True

    cdef bint prompt(self):
        """Return whether ``attempt`` lets nobody else run now."""
        return True

    cdef bint attempt(self) except -1:
        """Put the next item into ``found`` if there is one now. Raises what ``exhausted`` gives if there never will be one."""
        raise NotImplementedError

    cdef object claim(self):
        """What ``attempt`` or ``await_item`` found."""
        item, self.found = self.found, None
        return item

    cdef object exhausted(self):
        """The error that tells that nothing more will come."""
        raise NotImplementedError

    cdef object received(self, Waiter waiter):
        """What a woken taker was handed."""
        if waiter.dismissed:
            raise self.exhausted()
        item, waiter.value = waiter.value, None
        return item

    cdef bint await_item(self, double seconds) except -1:
        """Wait for an item, and put it into ``found``; False if `seconds` have passed before."""
        cdef Scheduler scheduler = get_scheduler()
        if scheduler.switches == 0 and self.attempt():
            return True
        cdef Waiter waiter = Waiter.__new__(Waiter)
        self.takers.join(waiter)
        if not scheduler.park(waiter, seconds, self):
            return False
        self.found = self.received(waiter)
        return True
