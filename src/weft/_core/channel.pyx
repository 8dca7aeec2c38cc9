# cython: language_level=3, boundscheck=False, wraparound=False, binding=True
"""Channels: tasks hand each other items, and say when there are no more.

Invariants:
- While somebody waits to receive, nothing is stored and nobody waits to send; while somebody waits to send, the store is full.
- An item is in one place: with its sender, in the store, or with its receiver. A send that raised anything has left it with the sender.
- Who waits when the channel is closed is woken, and finds CLOSED in place of an item.
"""

from collections import deque

from weft._core.schedulers cimport get_scheduler
from weft._core.timers cimport seconds
from weft._core.waiting cimport Waiter, WaitQueue

from weft._core.errors import ChannelClosed, WouldBlock

cdef object CLOSED = object()


cdef class Channel:
    """A channel between tasks, and between OS threads: ``Channel(capacity)``.

    `capacity`: how many items it stores. With 0, the default, ``send`` returns when the item has been received (a rendezvous).
    Any number of tasks may send and receive, first come, first served. ``for item in channel`` receives until it is closed and empty;
    ``with channel:`` closes it at the end of the block.
    """

    def __cinit__(self):
        self.items = deque()
        self.senders = WaitQueue()
        self.receivers = WaitQueue()

    def __init__(self, capacity=0):
        if capacity < 0:
            raise ValueError(f"capacity is {capacity}; it must be 0 or more")
        self.capacity = capacity

    def __class_getitem__(cls, item):
        return cls

    cdef bint offer(self, object item) except -1:
        """Hand `item` over if somebody waits for it or there is room."""
        cdef Waiter waiter
        if self.closed:
            raise ChannelClosed(self)
        waiter = self.receivers.wake_first()
        if waiter is not None:
            waiter.value = item
            return True
        if len(self.items) < self.capacity:
            self.items.append(item)
            return True
        return False

    cdef bint attempt(self) except -1:
        """Put the next item into ``found`` if there is one now."""
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
            raise ChannelClosed(self)
        return False

    cdef object claim(self):
        """What ``attempt`` found."""
        item, self.found = self.found, None
        return item

    cdef object received(self, Waiter waiter):
        """What a woken receiver was handed."""
        item, waiter.value = waiter.value, None
        if item is CLOSED:
            raise ChannelClosed(self)
        return item

    cdef int sent(self, Waiter waiter) except -1:
        """A sender was woken: its item was received, or the channel closed."""
        if waiter.value is CLOSED:
            raise ChannelClosed(self)
        return 0

    def send(self, item, timeout=None) -> None:
        """Hand `item` over, waiting at most `timeout` seconds (None: as long as it takes) for somebody to receive it, or for room.

        Raises TimeoutError, and ChannelClosed if the channel is closed, or is closed meanwhile; the item then was not received.
        """
        cdef Waiter waiter
        if self.offer(item):
            return
        waiter = Waiter()
        waiter.value = item
        self.senders.join(waiter)
        if not get_scheduler().park(waiter, seconds(timeout), self):
            raise TimeoutError(f"nobody received from {self!r} within {timeout} seconds")
        self.sent(waiter)

    def receive(self, timeout=None):
        """Take the next item, waiting at most `timeout` seconds (None: as long as it takes). Raises TimeoutError, or ChannelClosed."""
        cdef Waiter waiter
        if self.attempt():
            return self.claim()
        waiter = Waiter()
        self.receivers.join(waiter)
        if not get_scheduler().park(waiter, seconds(timeout), self):
            raise TimeoutError(f"nobody sent to {self!r} within {timeout} seconds")
        return self.received(waiter)

    def send_nowait(self, item) -> None:
        """Hand `item` over, or raise WouldBlock."""
        if not self.offer(item):
            get_scheduler().give_way()  # a task that asks again and again starves nobody
            raise WouldBlock(f"nobody waits for an item of {self!r}, and there is no room")

    def receive_nowait(self):
        """Take the next item, or raise WouldBlock."""
        if not self.attempt():
            get_scheduler().give_way()
            raise WouldBlock(f"{self!r} is empty")
        return self.claim()

    def close(self) -> None:
        """Let nothing more in. What is stored can still be received; who waits to send or to receive gets ChannelClosed. From any thread."""
        cdef Waiter waiter
        self.closed = True
        for line in (self.senders, self.receivers):
            while True:
                waiter = (<WaitQueue>line).wake_first()
                if waiter is None:
                    break
                waiter.value = CLOSED

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
        waiting = f"{self.senders.size} sending, {self.receivers.size} receiving"
        return f"<weft.Channel at {id(self):#x}{' closed' if self.closed else ''}: {len(self.items)} of {self.capacity} stored, {waiting}>"
