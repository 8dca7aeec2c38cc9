# cython: language_level=3, boundscheck=False, wraparound=False, binding=False
"""What libcurl calls back, compiled.

A callback in Python is a place where Ctrl-C can strike, and pycurl prints what a callback raises and goes on: the interruption would be lost.
No bytecode runs here, so it strikes somewhere else. (It also keeps Python off the path of each page.)
"""

from time import monotonic

import pycurl

cdef int REMOVE = pycurl.POLL_REMOVE
cdef int IN = pycurl.POLL_IN
cdef int OUT = pycurl.POLL_OUT
cdef object pycurl_ok = getattr(pycurl, "PREREQFUNC_OK", 0)


cdef class Watch:
    """Which descriptors libcurl waits for, in a poller of the standard library, and until when."""

    cdef object register
    cdef object modify
    cdef object unregister
    cdef set watched
    cdef int readable
    cdef int writable
    cdef public double deadline

    def __init__(self, poller, int readable, int writable):
        self.register = poller.register
        self.modify = poller.modify
        self.unregister = poller.unregister
        self.readable = readable
        self.writable = writable
        self.watched = set()
        self.deadline = float("inf")

    def set_socket(self, int what, int number, multi, data) -> None:
        """``CURLMOPT_SOCKETFUNCTION``: wait for `what` on descriptor `number`."""
        cdef int events = (0 if what == OUT else self.readable) | (0 if what == IN else self.writable)
        if what == REMOVE:
            if number in self.watched:
                self.watched.discard(number)
                try:
                    self.unregister(number)
                except (OSError, KeyError):  # closed already: then it is not watched any more
                    pass
        elif number in self.watched:
            self.modify(number, events)
        else:
            self.watched.add(number)
            self.register(number, events)

    def set_timer(self, long milliseconds) -> None:
        """``CURLMOPT_TIMERFUNCTION``: call back after so long, whatever happens; -1: no need."""
        self.deadline = monotonic() + milliseconds / 1000.0 if milliseconds >= 0 else float("inf")


cdef class Body:
    """Takes a body in: keeps it, or counts its bytes alone; more than `limit` of them (0: no limit) end the transfer."""

    cdef readonly long long size
    cdef readonly bint too_large
    cdef long long limit
    cdef list chunks

    def __init__(self, bint keep, long long limit):
        self.limit = limit
        self.chunks = [] if keep else None

    def write(self, bytes chunk) -> int:
        """``CURLOPT_WRITEFUNCTION``."""
        self.size += len(chunk)
        if self.limit and self.size > self.limit:
            self.too_large = True
            return 0  # not what it was given: libcurl ends the transfer
        if self.chunks is not None:
            self.chunks.append(chunk)
        return len(chunk)

    def joined(self) -> bytes:
        """All that was kept; it lets go of it, since a handle that waits for its next page still has this object."""
        chunks, self.chunks = self.chunks, None
        if not chunks:
            return b""
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)


cdef class Bell:
    """Sets an event when a connection stands."""

    cdef object ring

    def __init__(self, event):
        self.ring = event.set

    def stands(self, *_) -> int:
        """``CURLOPT_PREREQFUNCTION``."""
        self.ring()
        return pycurl_ok
