# cython: language_level=3, boundscheck=False, wraparound=False
"""The poller of Linux.

Invariants:
- A socket of weft's is registered once, edge-triggered, for both directions; every other number is
  armed anew at each wait.
- The kernel keeps a registration by number *and* open file. So EPOLL_CTL_ADD answers EEXIST only
  while a number still means the
  file that was registered, and EPOLL_CTL_MOD answers ENOENT when it does not: that is how a changed
  number is found out.
- An event carries number and generation of its record; one of an older generation is dropped.
- ``reopen`` replaces nothing before it has everything. A number of the poller's own that means a
  foreign file is not closed.
"""

from libc.errno cimport EBADF, EEXIST, EINTR, EINVAL, ELOOP, ENOENT, EPERM, errno
from libc.stdint cimport uint32_t, uint64_t
from posix.unistd cimport close
from weft._core.poller cimport (
    ARMED,
    CHANGED,
    DOOR,
    LOST,
    NOTHING,
    READY,
    SIGNAL,
    TOO_DEEP,
    Descriptor,
    Poller,
    is_open,
)

import os

cdef extern from "poller.h" nogil:
    ctypedef struct weft_event:
        uint32_t events
        uint64_t data
    enum: WEFT_EPOLL, WEFT_IN, WEFT_OUT, WEFT_HANGUP, WEFT_ADD, WEFT_MOD, WEFT_DEL
    int weft_epoll_create()
    int weft_epoll_ctl(int epoll, int operation, int number, uint32_t events, uint64_t data)
    int weft_epoll_wait(int epoll, weft_event *events, int count, double seconds)
    bint weft_is_epoll(int number)
    int weft_above_standard(int number)

cdef enum:
    BATCH = 256  # events taken at once
    # events of files that weft has forgotten, before the poller is made anew to be rid of them
    STRAY = 4096
cdef uint64_t DOOR_DATA = <uint64_t>-1


cdef class EpollPoller(Poller):
    """Linux."""

    cdef int epoll  # the epoll descriptor, or -1
    cdef int strays  # events since the opening that no record wanted
    cdef weft_event events[BATCH]  # the kernel fills it

    def __cinit__(self):
        self.epoll = -1
        self.edge = True

    def __dealloc__(self):
        self.close()

    cdef int reopen(self, int door) except -1:
        cdef Descriptor descriptor
        cdef int epoll = weft_above_standard(weft_epoll_create())
        if epoll < 0:
            raise OSError(errno, os.strerror(errno))
        if weft_epoll_ctl(epoll, WEFT_ADD, door, WEFT_IN, DOOR_DATA) < 0:
            number = errno
            close(epoll)
            raise OSError(number, os.strerror(number))
        self.close()
        self.epoll, self.door = epoll, door
        self.lost = False
        self.strays = 0
        for descriptor in [*self.table, *self.far.values()]:
            if descriptor is not None and descriptor.registered:
                self.register_again(descriptor)
        return 0

    cdef int register_again(self, Descriptor descriptor) except -1:
        cdef uint64_t data = data_of(descriptor)
        descriptor.registered = descriptor.drained = descriptor.paused = False
        if not descriptor.readers.size and not descriptor.writers.size:
            return 0
        if weft_epoll_ctl(self.epoll, WEFT_ADD, descriptor.number, WEFT_EPOLL, data) < 0:
            return self.retire(descriptor)
        descriptor.registered = True
        return 0

    cdef bint intact(self):
        return self.epoll >= 0 and watched(self.epoll, self.door)

    cdef bint uses(self, int low, int high):
        return low <= self.epoll < high

    cdef void close(self) noexcept:
        """Close the epoll object; a number that means something else by now is left alone."""
        cdef int epoll = self.epoll
        self.epoll = -1
        self.lost = True
        if epoll < 0:
            return
        if is_open(self.door):
            if watched(epoll, self.door):
                close(epoll)
        elif weft_is_epoll(epoll):  # the door was closed first
            close(epoll)

    cdef int arm(self, Descriptor descriptor, int direction, bint trusting) except -1:
        cdef int operation
        self.trusted += 1
        if descriptor.registered and trusting and descriptor.owned:
            return ARMED
        operation = WEFT_MOD if descriptor.registered else WEFT_ADD
        if weft_epoll_ctl(self.epoll, operation, descriptor.number, WEFT_EPOLL, data_of(descriptor)) == 0:
            descriptor.registered = True
            return ARMED
        if errno == EEXIST:  # under an older record
            if weft_epoll_ctl(self.epoll, WEFT_MOD, descriptor.number, WEFT_EPOLL, data_of(descriptor)) == 0:
                descriptor.registered = True
                return ARMED
        if errno == EPERM:
            return READY
        if errno == ELOOP:
            return TOO_DEEP
        if errno == ENOENT:
            self.retire(descriptor)
            return CHANGED
        # the epoll object itself is gone
        if errno == EINVAL or (errno == EBADF and is_open(descriptor.number)):
            self.lost = True
            descriptor.registered = True  # the next opening registers it
            return ARMED
        number = errno
        if number == EBADF:
            self.retire(descriptor)
        raise OSError(number, os.strerror(number))

    cdef int disarm(self, Descriptor descriptor) except -1:
        # closed already: then the kernel has forgotten it too
        weft_epoll_ctl(self.epoll, WEFT_DEL, descriptor.number, 0, 0)
        return 0

    cdef bint holds(self, Descriptor descriptor) except -1:
        if weft_epoll_ctl(self.epoll, WEFT_ADD, descriptor.number, WEFT_EPOLL, data_of(descriptor)) == 0:
            self.disarm(descriptor)
            return False
        if errno == EBADF:
            return is_open(descriptor.number)  # else it is the epoll object that is gone
        return errno != EPERM

    cdef int poll(self, double timeout) except -1:
        cdef int count, index, outcome = NOTHING
        cdef uint32_t happened
        cdef Descriptor descriptor
        self.sample()
        if self.lost:
            return LOST
        if timeout == 0:
            count = weft_epoll_wait(self.epoll, self.events, BATCH, 0)
        else:
            timeout = self.slice(timeout)
            self.rest()
            with nogil:
                count = weft_epoll_wait(self.epoll, self.events, BATCH, timeout)
            self.awake()
            if count == 0 and timeout > 0:
                self.doubt(timeout)
        if count < 0:
            if errno == EINTR:
                return SIGNAL
            if errno == EBADF or errno == EINVAL:
                self.lost = True
                return LOST
            raise OSError(errno, os.strerror(errno))
        for index in range(count):
            if self.events[index].data == DOOR_DATA:
                outcome = DOOR
                continue
            descriptor = self.known(<int><uint32_t>self.events[index].data)
            if descriptor is None or descriptor.generation != <uint32_t>(self.events[index].data >> 32):
                self.stray()
                continue
            happened = self.events[index].events
            self.happened(descriptor, happened & WEFT_IN, happened & WEFT_OUT, happened & WEFT_HANGUP)
        return outcome

    cdef int stray(self) except -1:
        """An event that no record wants.

        A copy of a descriptor that weft has forgotten lives on; or this is a foreign epoll object.
        """
        self.strays += 1
        if self.strays % STRAY == 0 or (self.strays & (self.strays - 1) == 0 and not self.intact()):
            self.lost = True
        return 0


cdef inline uint64_t data_of(Descriptor descriptor) noexcept:
    return (<uint64_t>descriptor.generation << 32) | <uint32_t>descriptor.number


cdef bint watched(int epoll, int number) noexcept:
    """Return whether `epoll` is an epoll object that watches `number`.

    One that does not is left as it was.
    """
    if weft_epoll_ctl(epoll, WEFT_ADD, number, 0, 0) == 0:
        weft_epoll_ctl(epoll, WEFT_DEL, number, 0, 0)
        return False
    return errno == EEXIST
