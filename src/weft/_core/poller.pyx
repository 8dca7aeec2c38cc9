# cython: language_level=3, boundscheck=False, wraparound=False
"""Which descriptors are ready: epoll first, poll(2) as the portable fallback.

Invariants:
- A descriptor that weft owns is registered once with epoll, edge-triggered, for both directions, and never touched again until it is closed.
- One that weft does not own (a pipe, a number from elsewhere) is re-armed at each wait, because its closing is not seen.
- epoll carries number and generation; an event of an older generation is dropped, so a number used again is never taken for the old one.
- ``drained`` means: the last read was shorter than asked and no edge came since, so the stream has nothing. After a hang-up it is never set.
- ``poll`` runs no Python signal handler; it returns 1 when a signal cut it short.

The scheduler's choice: ``WEFT_POLLER`` (``epoll`` or ``poll``, which also answers to ``selectors``), else what the platform has.

Tried and dropped: the standard library's selectors as the fallback. They run Python signal handlers inside ``select()``, in the middle of
somebody's park; a handler that waits then polls a second time ("concurrent poll() invocation").
"""

from libc.errno cimport EBADF, EEXIST, EINTR, ENOENT, EPERM, errno
from libc.math cimport ceil
from libc.stdint cimport uint32_t, uint64_t
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from posix.unistd cimport close
from weft._core.waiting cimport WaitQueue

import os

cdef extern from "<fcntl.h>" nogil:
    int fcntl(int number, int command)
    enum: F_GETFL, O_NONBLOCK, O_ACCMODE, O_RDONLY, O_WRONLY

cdef extern from "poller.h" nogil:
    ctypedef struct weft_event:
        uint32_t events
        uint64_t data
    enum: WEFT_EPOLL, WEFT_IN, WEFT_OUT, WEFT_HANGUP, WEFT_ADD, WEFT_MOD, WEFT_DEL
    int weft_epoll_create()
    int weft_epoll_ctl(int epoll, int operation, int number, uint32_t events, uint64_t data)
    int weft_epoll_wait(int epoll, weft_event *events, int count, double seconds)

cdef extern from "<poll.h>" nogil:
    struct pollfd:
        int fd
        short events
        short revents
    int poll(pollfd *events, unsigned long count, int milliseconds)
    enum: POLLIN, POLLPRI, POLLOUT, POLLHUP, POLLERR, POLLNVAL

cdef enum: BATCH = 256
cdef uint64_t DOOR = <uint64_t>-1


cdef class Descriptor:
    """What the poller knows of one open descriptor."""

    def __cinit__(self):
        self.readers = WaitQueue()
        self.writers = WaitQueue()

    def __repr__(self):
        return f"descriptor {self.number}"

    cdef int refuse(self) except -1:
        """Raise what who waits for it gets at its closing."""
        raise OSError(EBADF, f"{os.strerror(EBADF)}: descriptor {self.number} was closed while a task waited for it")


cdef class Poller:
    """What the scheduler asks. Subclasses know the operating system."""

    def __cinit__(self):
        self.table = []

    cdef Descriptor known(self, int number):
        """What is known of descriptor `number`, or None."""
        return <Descriptor>self.table[number] if 0 <= number < len(self.table) else None

    cdef Descriptor find(self, int number):
        """What is known of descriptor `number`; if nothing is, it is a new one."""
        if number < 0:
            raise ValueError(f"Invalid file descriptor: {number}")
        cdef Descriptor descriptor = self.known(number)
        return self.claim(number) if descriptor is None else descriptor

    cdef Descriptor claim(self, int number):
        """`number` is a new descriptor from now on, whatever it was before."""
        cdef Descriptor descriptor = Descriptor()
        while len(self.table) <= number:
            self.table.append(None)
        self.generations += 1
        descriptor.number = number
        descriptor.generation = self.generations
        self.table[number] = descriptor
        return descriptor

    cdef int forget(self, int number) except -1:
        """`number` is about to be closed: wake who waits for it, and know it no more."""
        cdef Descriptor descriptor = self.known(number)
        if descriptor is None:
            return 0
        self.table[number] = None
        descriptor.closed = True
        if descriptor.registered:
            descriptor.registered = False
            self.disarm(descriptor)
        descriptor.readers.wake_all()
        descriptor.writers.wake_all()
        return 0

    cdef void happened(self, Descriptor descriptor, bint read, bint write, bint hung_up):
        if hung_up:
            descriptor.hung_up = True
        if read or hung_up:
            descriptor.drained = False
            descriptor.readers.wake_all()
        if write or hung_up:
            descriptor.writers.wake_all()

    cdef int open(self, int door) except -1:
        raise NotImplementedError

    cdef void close(self) noexcept:
        pass

    cdef int arm(self, Descriptor descriptor, int direction) except -1:
        """Before a wait: let `descriptor` be watched. 0, or 1 if it is of a kind that is always ready (a regular file)."""
        raise NotImplementedError

    cdef int disarm(self, Descriptor descriptor) except -1:
        raise NotImplementedError

    cdef int poll(self, double timeout) except -1:
        """Wake whoever can go on; wait at most `timeout` seconds (negative: as long as it takes). 1 if a signal came, 2 if the door rang."""
        raise NotImplementedError


cdef class EpollPoller(Poller):
    """Linux."""

    cdef int epoll
    cdef weft_event events[BATCH]

    def __cinit__(self):
        self.epoll = -1
        self.edge = True

    def __dealloc__(self):
        self.close()

    cdef int open(self, int door) except -1:
        self.close()
        self.table = []
        self.waiting = 0
        self.epoll = weft_epoll_create()
        if self.epoll < 0:
            raise OSError(errno, os.strerror(errno))
        return self.control(WEFT_ADD, door, WEFT_IN, DOOR)

    cdef void close(self) noexcept:
        if self.epoll >= 0:
            close(self.epoll)
            self.epoll = -1

    cdef int control(self, int operation, int number, uint32_t events, uint64_t data) except -1:
        if weft_epoll_ctl(self.epoll, operation, number, events, data) < 0:
            raise OSError(errno, os.strerror(errno))
        return 0

    cdef int arm(self, Descriptor descriptor, int direction) except -1:
        cdef uint64_t data
        cdef int operation
        if descriptor.registered and descriptor.owned:
            return 0
        data = (<uint64_t>descriptor.generation << 32) | <uint32_t>descriptor.number
        operation = WEFT_MOD if descriptor.registered else WEFT_ADD
        if weft_epoll_ctl(self.epoll, operation, descriptor.number, WEFT_EPOLL, data) < 0:
            if errno == ENOENT:
                operation = WEFT_ADD
            elif errno == EEXIST:
                operation = WEFT_MOD
            elif errno == EPERM:
                return 1
            else:
                raise OSError(errno, os.strerror(errno))
            self.control(operation, descriptor.number, WEFT_EPOLL, data)
        descriptor.registered = True
        return 0

    cdef int disarm(self, Descriptor descriptor) except -1:
        weft_epoll_ctl(self.epoll, WEFT_DEL, descriptor.number, 0, 0)  # closed already: then the kernel has forgotten it too
        return 0

    cdef int poll(self, double timeout) except -1:
        cdef int count, index, outcome = 0
        cdef uint32_t happened
        cdef Descriptor descriptor
        if timeout == 0:
            count = weft_epoll_wait(self.epoll, self.events, BATCH, 0)
        else:
            with nogil:
                count = weft_epoll_wait(self.epoll, self.events, BATCH, timeout)
        if count < 0:
            if errno == EINTR:
                return 1
            raise OSError(errno, os.strerror(errno))
        for index in range(count):
            if self.events[index].data == DOOR:
                outcome = 2
                continue
            descriptor = self.known(<int><uint32_t>self.events[index].data)
            if descriptor is None or descriptor.generation != <uint32_t>(self.events[index].data >> 32):
                continue
            happened = self.events[index].events
            self.happened(descriptor, happened & WEFT_IN, happened & WEFT_OUT, happened & WEFT_HANGUP)
        return outcome


cdef class PollPoller(Poller):
    """Any POSIX system; level-triggered, so it watches only what somebody waits for."""

    cdef dict watched
    cdef int door
    cdef pollfd *events
    cdef Py_ssize_t capacity

    def __dealloc__(self):
        PyMem_Free(self.events)

    cdef int open(self, int door) except -1:
        self.table = []
        self.waiting = 0
        self.watched = {}
        self.door = door
        return 0

    cdef int arm(self, Descriptor descriptor, int direction) except -1:
        descriptor.registered = True
        self.watched[descriptor.number] = descriptor
        return 0

    cdef int disarm(self, Descriptor descriptor) except -1:
        self.watched.pop(descriptor.number, None)
        return 0

    cdef int poll(self, double timeout) except -1:
        cdef int count, milliseconds
        cdef short happened
        cdef Py_ssize_t size = 1, index
        cdef Descriptor descriptor
        cdef list asked = []
        if self.capacity <= len(self.watched):
            self.grow(len(self.watched) + 1)
        self.events[0].fd = self.door
        self.events[0].events = POLLIN
        for descriptor in list(self.watched.values()):
            if not descriptor.readers.size and not descriptor.writers.size:
                del self.watched[descriptor.number]
                continue
            self.events[size].fd = descriptor.number
            self.events[size].events = (POLLIN | POLLPRI if descriptor.readers.size else 0) | (POLLOUT if descriptor.writers.size else 0)
            asked.append(descriptor)
            size += 1
        milliseconds = 0 if timeout == 0 else -1 if timeout < 0 else <int>ceil(min(timeout, 1e6) * 1000)
        with nogil:
            count = poll(self.events, size, milliseconds)
        if count < 0:
            if errno == EINTR:
                return 1
            raise OSError(errno, os.strerror(errno))
        for index in range(1, size):
            happened = self.events[index].revents
            descriptor = <Descriptor>asked[index - 1]
            if happened & POLLNVAL:  # closed behind weft's back
                self.forget(descriptor.number)
            elif happened and self.watched.get(descriptor.number) is descriptor:
                self.happened(descriptor, happened & (POLLIN | POLLPRI), happened & POLLOUT, happened & (POLLHUP | POLLERR))
        return 2 if self.events[0].revents else 0

    cdef int grow(self, Py_ssize_t least) except -1:
        cdef pollfd *events = <pollfd *>PyMem_Realloc(self.events, 2 * least * sizeof(pollfd))
        if events == NULL:
            raise MemoryError
        self.events = events
        self.capacity = 2 * least
        return 0


cdef bint is_ready(int number, short events):
    cdef pollfd look
    look.fd = number
    look.events = events
    return poll(&look, 1, 0) != 0


cdef bint readable(int number):
    """Whether descriptor `number` has something to read now."""
    return is_ready(number, POLLIN)


def read_blocks(int number) -> bool:
    """True if reading descriptor `number` now would wait: there is nothing, it may be read, and it was not set not to block."""
    cdef int flags
    if is_ready(number, POLLIN):
        return False
    flags = fcntl(number, F_GETFL)
    return flags >= 0 and not flags & O_NONBLOCK and flags & O_ACCMODE != O_WRONLY


def write_blocks(int number) -> bool:
    """True if writing to descriptor `number` now would wait."""
    cdef int flags
    if is_ready(number, POLLOUT):
        return False
    flags = fcntl(number, F_GETFL)
    return flags >= 0 and not flags & O_NONBLOCK and flags & O_ACCMODE != O_RDONLY


cdef Poller make_poller():
    """The poller that ``WEFT_POLLER`` names, or the platform's best."""
    name = os.environ.get("WEFT_POLLER") or ("epoll" if WEFT_EPOLL else "poll")
    if name == "epoll" and WEFT_EPOLL:
        return EpollPoller()
    if name in ("poll", "selectors"):
        return PollPoller()
    raise ValueError(f"WEFT_POLLER is {name!r}; it takes " + ("'epoll' or 'poll'" if WEFT_EPOLL else "'poll' on this platform"))
