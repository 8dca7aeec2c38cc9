# cython: language_level=3, boundscheck=False, wraparound=False, binding=True
"""Channels: tasks hand each other items, and say when there are no more.

Invariants, beside those of every source:
- While somebody waits to receive, nothing is stored and nobody waits to send; while somebody waits to send, the store is full.
- An item is in one place: with its sender, in the store, or with its receiver. A send that raised anything has left it with the sender.
- Who waits when the channel is closed is woken and dismissed.
"""

from weft._core.budget cimport VAIN, charge, peek
from weft._core.scheduler cimport Scheduler
from weft._core.schedulers cimport get_scheduler
from weft._core.source cimport Source
from weft._core.timers cimport seconds
from weft._core.waiting cimport Waiter, WaitQueue

from weft._core.errors import ChannelClosed, WouldBlock


cdef class Channel(Source):
    """A channel between tasks, and between OS threads: ``Channel(capacity)``.

    `capacity`: how many items it stores. With 0, the default, ``send`` returns when the item has been received (a rendezvous).
    Any number of tasks may send and receive, first come, first served. ``for item in channel`` receives until it is closed and empty;
    ``with channel:`` closes it at the end of the block.
    """

    def __cinit__(self):
        self.senders = WaitQueue()

    def __init__(self, capacity=0):
        if capacity < 0:
            raise ValueError(f"capacity is {capacity}; it must be 0 or more")
        self.capacity = capacity

    cdef bint offer(self, object item) except -1:
        """Hand `item` over if somebody waits for it or there is room."""
        if self.closed:
            raise self.exhausted()
        if self.hand_over(item):
            return True
        if len(self.items) < self.capacity:
            self.items.append(item)
            return True
        return False

    cdef bint attempt(self) except -1:
        cdef Waiter waiter
        if self.items:
            self.found = self.items.popleft()
            waiter = self.senders.wake_first()
            if waiter is not None:
                self.items.append(waiter.value)
                waiter.value = None
            return True
        waiter = self.senders.wake_first()
        if waiter is not None:
            self.found = waiter.value
            waiter.value = None
            return True
        if self.closed:
            raise self.exhausted()
        return False

    cdef object exhausted(self):
        return ChannelClosed(self)

    cdef int sent(self, Waiter waiter) except -1:
        """A sender was woken: its item was received, or the channel closed."""
        if waiter.dismissed:
            raise self.exhausted()
        return 0

    def send(self, item, timeout=None) -> None:
        """Hand `item` over, waiting at most `timeout` seconds (None: as long as it takes) for somebody to receive it, or for room.

        Raises TimeoutError, and ChannelClosed if the channel is closed, or is closed meanwhile; the item then was not received.
        """
        cdef double limit = seconds(timeout)
        cdef Scheduler scheduler
        cdef Waiter waiter
        if self.takers.head == NULL:
            peek()
        if self.offer(item):
            return
        scheduler = get_scheduler()
        if scheduler.switches == 0 and self.offer(item):  # it is new: see source
            return
        waiter = Waiter.__new__(Waiter)
        waiter.value = item
        self.senders.join(waiter)
        if not scheduler.park(waiter, limit, self):
            raise TimeoutError(f"nobody received from {self!r} within {timeout} seconds")
        self.sent(waiter)

    def receive(self, timeout=None):
        """Take the next item, waiting at most `timeout` seconds (None: as long as it takes). Raises TimeoutError, or ChannelClosed."""
        cdef double limit = seconds(timeout)
        if self.items or self.senders.head != NULL:
            peek()
        if not self.attempt() and not self.await_item(limit):
            raise TimeoutError(f"nobody sent to {self!r} within {timeout} seconds")
        return self.claim()

    def send_nowait(self, item) -> None:
        """Hand `item` over, or raise WouldBlock."""
        if not self.offer(item):
            charge(get_scheduler(), VAIN)
            raise WouldBlock(f"nobody waits for an item of {self!r}, and there is no room")

    def receive_nowait(self):
        """Take the next item, or raise WouldBlock."""
        if not self.attempt():
            charge(get_scheduler(), VAIN)
            raise WouldBlock(f"{self!r} is empty")
        return self.claim()

    def close(self) -> None:
        """Let nothing more in. What is stored can still be received; who waits to send or to receive gets ChannelClosed. From any thread."""
        self.closed = True
        self.senders.dismiss_all()
        self.takers.dismiss_all()

    def __len__(self):
        return len(self.items)

    def __bool__(self):
        return True

    def __iter__(self):
        return self

    def __next__(self):
        try:
            return self.receive()
        except ChannelClosed:
            raise StopIteration from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __repr__(self):
        waiting = f"{self.senders.size} sending, {self.takers.size} receiving"
        return f"<weft.Channel at {id(self):#x}{' closed' if self.closed else ''}: {len(self.items)} of {self.capacity} stored, {waiting}>"
