# cython: language_level=3, boundscheck=False, wraparound=False
"""The poller of any POSIX system, by poll(2).

Invariants:
- It is level-triggered, so it watches only descriptors that a fiber waits for.
- poll(2) has no registrations: the device and inode of the first wait stand for the file that a number means.
- poll(2) takes at most as many entries as RLIMIT_NOFILE says, and a program may have more descriptors
  open when it lowers the limit. The entries are then asked in pieces.
- A look without a wait keeps the interpreter's lock. Another thread asks for it only after it was
  held for 5 ms on end, so a thread that lets go of it for a microsecond at each look starves all others.
"""

from libc.errno cimport EBADF, EINTR, EINVAL, errno
from libc.math cimport ceil
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from weft._core.poller cimport (
    ARMED,
    CHANGED,
    DOOR,
    LOST,
    NOTHING,
    SIGNAL,
    Descriptor,
    Poller,
    is_open,
)

import os

cdef extern from "poller.h" nogil:
    bint weft_identify(int number, unsigned long long *device, unsigned long long *inode)

cdef extern from "<poll.h>" nogil:
    struct pollfd:
        int fd
        short events
        short revents
    int poll(pollfd *events, unsigned long count, int milliseconds)
    enum: POLLIN, POLLPRI, POLLOUT, POLLHUP, POLLERR, POLLNVAL


cdef extern from "<sys/resource.h>" nogil:
    struct rlimit:
        unsigned long rlim_cur
    int getrlimit(int resource, rlimit *limit)
    enum: RLIMIT_NOFILE

cdef int PAUSE = 5  # milliseconds between two rounds of pieces


cdef int poll_pieces(pollfd *events, unsigned long size, int milliseconds) noexcept nogil:
    """poll(2) for more entries than it takes at once. The first one, the door, ends a pause."""
    cdef rlimit limit
    cdef unsigned long start, room
    cdef int found, count, pause
    while True:
        if getrlimit(RLIMIT_NOFILE, &limit) < 0:
            return -1
        room = limit.rlim_cur if limit.rlim_cur else 1
        found = 0
        start = 1
        while start < size:
            count = poll(events + start, min(room, size - start), 0)
            if count < 0:
                return -1
            found += count
            start += room
        pause = 0
        if found == 0:
            pause = PAUSE if milliseconds < 0 else min(milliseconds, PAUSE)
        count = poll(events, 1, pause)
        if count < 0:
            return -1
        if found or count or pause == 0:
            return found + count
        if milliseconds > 0:
            milliseconds -= pause


cdef int ask(pollfd *events, unsigned long size, int milliseconds) noexcept nogil:
    cdef int count = poll(events, size, milliseconds)
    if count < 0 and errno == EINVAL:
        return poll_pieces(events, size, milliseconds)
    return count


cdef class PollPoller(Poller):
    """Any POSIX system; level-triggered, so it watches only what somebody waits for."""

    cdef dict watched  # records that somebody may wait for, by number
    cdef dict files  # device and inode of each of them
    cdef pollfd *events  # the door's first, then one for each of ``watched``
    cdef Py_ssize_t capacity  # of ``events``

    def __cinit__(self):
        self.watched = {}
        self.files = {}

    def __dealloc__(self):
        PyMem_Free(self.events)

    cdef int open(self, int door) except -1:
        self.watched = {}
        self.files = {}
        return Poller.open(self, door)

    cdef int reopen(self, int door) except -1:
        cdef Descriptor descriptor
        self.door = door
        self.lost = False
        for descriptor in list(self.watched.values()):
            if not self.holds(descriptor):
                self.retire(descriptor)
        return 0

    cdef int arm(self, Descriptor descriptor, int direction, bint trusting) except -1:
        if not is_open(descriptor.number):
            self.retire(descriptor)
            raise OSError(EBADF, os.strerror(EBADF))
        if descriptor.registered and not self.holds(descriptor):
            self.retire(descriptor)
            return CHANGED
        if not descriptor.registered:
            self.files[descriptor.number] = file_of(descriptor.number)
            descriptor.registered = True
        self.watched[descriptor.number] = descriptor
        self.trusted += 1
        return ARMED

    cdef int disarm(self, Descriptor descriptor) except -1:
        self.watched.pop(descriptor.number, None)
        self.files.pop(descriptor.number, None)
        return 0

    cdef bint holds(self, Descriptor descriptor) except -1:
        return self.files.get(descriptor.number) == file_of(descriptor.number)

    cdef int poll(self, double timeout) except -1:
        cdef int count, milliseconds
        cdef short happened
        cdef Py_ssize_t size = 1, index
        cdef Descriptor descriptor
        cdef list asked = []
        self.sample()
        if self.lost:
            return LOST
        if self.capacity <= len(self.watched):
            self.grow(len(self.watched) + 1)
        self.events[0].fd = self.door
        self.events[0].events = POLLIN
        for descriptor in list(self.watched.values()):
            if not descriptor.readers.size and not descriptor.writers.size:
                del self.watched[descriptor.number]
                continue
            self.events[size].fd = descriptor.number
            happened = POLLIN | POLLPRI if descriptor.readers.size else 0
            self.events[size].events = happened | (POLLOUT if descriptor.writers.size else 0)
            asked.append(descriptor)
            size += 1
        if timeout == 0:
            count = ask(self.events, size, 0)
        else:
            timeout = self.slice(timeout)
            milliseconds = -1 if timeout < 0 else <int>ceil(min(timeout, 1e6) * 1000)
            self.rest()
            with nogil:
                count = ask(self.events, size, milliseconds)
            self.awake()
        if count < 0:
            if errno == EINTR:
                return SIGNAL
            raise OSError(errno, os.strerror(errno))
        if count == 0 and timeout > 0:
            self.doubt(timeout)
        for index in range(1, size):
            happened = self.events[index].revents
            descriptor = <Descriptor>asked[index - 1]
            if happened & POLLNVAL:  # closed behind weft's back
                self.retire(descriptor)
            elif happened and self.watched.get(descriptor.number) is descriptor:
                self.happened(
                    descriptor,
                    happened & (POLLIN | POLLPRI),
                    happened & POLLOUT,
                    happened & (POLLHUP | POLLERR),
                )
        if self.events[0].revents & POLLNVAL:
            self.lost = True
            return LOST
        return DOOR if self.events[0].revents else NOTHING

    cdef int grow(self, Py_ssize_t least) except -1:
        cdef pollfd *events = <pollfd *>PyMem_Realloc(self.events, 2 * least * sizeof(pollfd))
        if events == NULL:
            raise MemoryError
        self.events = events
        self.capacity = 2 * least
        return 0


cdef object file_of(int number):
    """What file `number` means, None if it is not open."""
    cdef unsigned long long device, inode
    return (device, inode) if weft_identify(number, &device, &inode) else None
