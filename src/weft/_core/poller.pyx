# cython: language_level=3, boundscheck=False, wraparound=False
"""Which descriptors are ready: epoll first, poll(2) as the portable fallback.

Invariants:
- A number is a name, not an identity: it may be closed, reused or duplicated behind weft's back. The kernel keeps a registration by number
  *and* open file, so EPOLL_CTL_ADD answers EEXIST only while a number still means the file that was registered. poll(2) has no registrations:
  there the device and inode of the first wait stand for the file.
- A socket of weft's is registered once with epoll, edge-triggered, for both directions. Its waits trust that registration and make no system
  call; the poller verifies it later: when the thread has been idle for a while, and one descriptor every 64 polls of a busy one.
- Every other number is armed anew at each wait.
- A record whose number was closed or means another file is retired: its waiters get EBADF, and the next wait makes a new record.
- epoll carries number and generation; an event of an older generation is dropped, so a number used again is never taken for the old one.
- ``drained`` means: the last read was shorter than asked and no edge came since, so the stream has nothing. After a hang-up it is never set.
- ``poll`` runs no Python signal handler.
- ``open`` and ``reopen`` replace nothing before they have everything. A descriptor of the poller's own that means a foreign file is not closed.

The scheduler's choice: ``WEFT_POLLER`` (``epoll`` or ``poll``, which also answers to ``selectors``), else what the platform has.

Tried and dropped: the standard library's selectors as the fallback. They run Python signal handlers inside ``select()``, in the middle of
somebody's park; a handler that waits then polls a second time ("concurrent poll() invocation").
"""

from libc.errno cimport EBADF, EEXIST, EINTR, EINVAL, ENOENT, EPERM, errno
from libc.math cimport ceil
from libc.stdint cimport uint32_t, uint64_t
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from posix.unistd cimport close
from weft._core.waiting cimport WaitQueue

import os

cdef extern from "<fcntl.h>" nogil:
    int fcntl(int number, int command)
    enum: F_GETFD

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
    bint weft_identify(int number, unsigned long long *device, unsigned long long *inode)

cdef extern from "<poll.h>" nogil:
    struct pollfd:
        int fd
        short events
        short revents
    int poll(pollfd *events, unsigned long count, int milliseconds)
    enum: POLLIN, POLLPRI, POLLOUT, POLLHUP, POLLERR, POLLNVAL

cdef enum:
    BATCH = 256  # events taken at once
    DENSE = 1 << 20  # numbers below it are kept in a list, those above in a dict
    STRAY = 4096  # events of files that weft has forgotten, before the poller is made anew to be rid of them
    BUSY = 64  # polls of a busy thread for each descriptor that is verified
    CHECKS = 1024  # descriptors verified at once by an idle thread
cdef double FIRST = 0.1  # seconds of idleness after which what was trusted is verified; each time after that, twice as many
cdef double LAST = 60
cdef uint64_t DOOR_DATA = <uint64_t>-1


cdef int refuse_closed(int number) except -1:
    """Raise what a task gets whose descriptor was closed."""
    raise OSError(EBADF, f"{os.strerror(EBADF)}: descriptor {number} was closed while a task waited for it")


cdef bint identify(int number, unsigned long long *device, unsigned long long *inode) noexcept:
    """Tell what file `number` means; False if it is not open."""
    return weft_identify(number, device, inode)


cdef class Descriptor:
    """What the poller knows of one open descriptor."""

    def __cinit__(self):
        self.readers = WaitQueue()
        self.writers = WaitQueue()

    def __repr__(self):
        return f"descriptor {self.number}"

    cdef int refuse(self) except -1:
        """Raise what a task that waited gets at its closing."""
        return refuse_closed(self.number)


cdef class Poller:
    """What the scheduler asks. Subclasses know the operating system."""

    def __cinit__(self):
        self.table = []
        self.far = {}
        self.door = -1
        self.interval = FIRST
        self.lost = True

    cdef Descriptor known(self, int number):
        """Return what is known of descriptor `number`, or None."""
        if 0 <= number < len(self.table):
            return <Descriptor>self.table[number]
        return self.far.get(number) if self.far else None

    cdef Descriptor find(self, int number):
        """Return what is known of descriptor `number`. Raises OSError(EBADF) for a number that is not open."""
        if number < 0:
            raise ValueError(f"Invalid file descriptor: {number}")
        cdef Descriptor descriptor = self.known(number)
        if descriptor is not None:
            return descriptor
        if fcntl(number, F_GETFD) < 0:
            raise OSError(EBADF, os.strerror(EBADF))
        return self.claim(number)

    cdef Descriptor claim(self, int number):
        """Make a new record of `number`, whatever it meant before."""
        cdef Descriptor descriptor = self.known(number)
        if descriptor is not None:
            self.retire(descriptor)
        descriptor = Descriptor()
        self.generations += 1
        descriptor.number = number
        descriptor.generation = self.generations
        if number >= DENSE:
            self.far[number] = descriptor
            return descriptor
        while len(self.table) <= number:
            self.table.append(None)
        self.table[number] = descriptor
        return descriptor

    cdef int forget(self, int number) except -1:
        """`number` is about to be closed: its waiters get EBADF."""
        cdef Descriptor descriptor = self.known(number)
        if descriptor is None:
            return 0
        if descriptor.registered:
            self.disarm(descriptor)
        return self.retire(descriptor)

    cdef int forget_range(self, int low, int high) except -1:
        """``forget`` every number from `low` up to, not including, `high`."""
        cdef int number
        for number in range(max(low, 0), min(high, len(self.table))):
            self.forget(number)
        for number in [number for number in self.far if low <= number < high]:
            self.forget(number)
        return 0

    cdef int retire(self, Descriptor descriptor) except -1:
        """The number of `descriptor` does not mean the same file any more: drop the record, and let its waiters go with EBADF."""
        if self.known(descriptor.number) is descriptor:
            if descriptor.number < DENSE:
                self.table[descriptor.number] = None
            else:
                del self.far[descriptor.number]
        descriptor.closed = True
        descriptor.registered = False
        descriptor.readers.wake_all()
        descriptor.writers.wake_all()
        return 0

    cdef int verify(self, Py_ssize_t count, Py_ssize_t most) except -1:
        """Go through the next `count` records, verify at most `most` that a fiber waits for, and retire those that changed. 1 at the end."""
        cdef Descriptor descriptor
        cdef Py_ssize_t end = min(self.cursor + count, len(self.table))
        while self.cursor < end and most:
            descriptor = <Descriptor>self.table[self.cursor]
            self.cursor += 1
            most -= self.examine(descriptor)
        if self.cursor < len(self.table):
            return 0
        self.cursor = 0
        if self.far:
            for descriptor in list(self.far.values()):
                self.examine(descriptor)
        return 1

    cdef int examine(self, Descriptor descriptor) except -1:
        if descriptor is None or not descriptor.registered or not (descriptor.readers.size or descriptor.writers.size):
            return 0
        if not self.holds(descriptor):
            self.retire(descriptor)
        return 1

    cdef double slice(self, double timeout) noexcept:
        """How long to wait of `timeout` seconds before it is time to verify."""
        cdef double left
        if self.trusted:
            self.trusted = 0
            self.interval = FIRST
        if self.waiting == 0:
            return timeout
        left = max(self.interval - self.quiet, 0.001)
        return left if timeout < 0 or timeout > left else timeout

    cdef int doubt(self, double waited) except -1:
        """Nothing has happened for `waited` seconds: verify, if it is time."""
        self.quiet += waited
        if self.quiet < self.interval:
            return 0
        if not self.intact():
            self.lost = True
        elif self.verify(8 * CHECKS, CHECKS):
            self.quiet = 0
            self.interval = min(2 * self.interval, LAST)
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
        """Begin with nothing watched but `door`."""
        self.reopen(door)
        self.table = []
        self.far = {}
        self.waiting = 0
        return 0

    cdef int reopen(self, int door) except -1:
        """Get descriptors of its own anew, and watch what was watched; waiters whose descriptor is gone get EBADF.

        Raises OSError if the system refuses; then all is as before, and it may be called again.
        """
        raise NotImplementedError

    cdef bint intact(self):
        """Whether the poller's own descriptors still mean what they did."""
        return True

    cdef bint uses(self, int low, int high):
        """Whether the poller has a descriptor of its own from `low` up to, not including, `high`."""
        return False

    cdef void close(self) noexcept:
        pass

    cdef int arm(self, Descriptor descriptor, int direction, bint trusting) except -1:
        """Before a wait: let `descriptor` be watched. Returns one of Armed; with `trusting`, a registration of weft's own is believed."""
        raise NotImplementedError

    cdef int disarm(self, Descriptor descriptor) except -1:
        raise NotImplementedError

    cdef bint holds(self, Descriptor descriptor) except -1:
        """Whether the number of `descriptor` still means the file that was registered."""
        raise NotImplementedError

    cdef int poll(self, double timeout) except -1:
        """Wake the fibers that can go on; wait at most `timeout` seconds (negative: as long as it takes), or less. Returns one of Polled."""
        raise NotImplementedError


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
        if fcntl(self.door, F_GETFD) >= 0:
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
        if errno == ENOENT:
            self.retire(descriptor)
            return CHANGED
        if errno == EINVAL or (errno == EBADF and fcntl(descriptor.number, F_GETFD) >= 0):  # the epoll object itself is gone
            self.lost = True
            descriptor.registered = True  # the next opening registers it
            return ARMED
        number = errno
        if number == EBADF:
            self.retire(descriptor)
        raise OSError(number, os.strerror(number))

    cdef int disarm(self, Descriptor descriptor) except -1:
        weft_epoll_ctl(self.epoll, WEFT_DEL, descriptor.number, 0, 0)  # closed already: then the kernel has forgotten it too
        return 0

    cdef bint holds(self, Descriptor descriptor) except -1:
        if weft_epoll_ctl(self.epoll, WEFT_ADD, descriptor.number, WEFT_EPOLL, data_of(descriptor)) == 0:
            self.disarm(descriptor)
            return False
        if errno == EBADF:
            return fcntl(descriptor.number, F_GETFD) >= 0  # else it is the epoll object that is gone
        return errno != EPERM

    cdef int poll(self, double timeout) except -1:
        cdef int count, index, outcome = NOTHING
        cdef uint32_t happened
        cdef Descriptor descriptor
        self.polls += 1
        if self.polls % BUSY == 0 and self.waiting:
            self.verify(8 * BATCH, 1)
        if self.lost:
            return LOST
        if timeout == 0:
            count = weft_epoll_wait(self.epoll, self.events, BATCH, 0)
        else:
            timeout = self.slice(timeout)
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
        """An event that no record wants. A copy of a descriptor that weft has forgotten lives on; or this is a foreign epoll object."""
        self.strays += 1
        if self.strays % STRAY == 0 or (self.strays & (self.strays - 1) == 0 and not self.intact()):
            self.lost = True
        return 0


cdef inline uint64_t data_of(Descriptor descriptor) noexcept:
    return (<uint64_t>descriptor.generation << 32) | <uint32_t>descriptor.number


cdef bint watched(int epoll, int number) noexcept:
    """Whether `epoll` is an epoll object that watches `number`. One that does not is left as it was."""
    if weft_epoll_ctl(epoll, WEFT_ADD, number, 0, 0) == 0:
        weft_epoll_ctl(epoll, WEFT_DEL, number, 0, 0)
        return False
    return errno == EEXIST


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
        if fcntl(descriptor.number, F_GETFD) < 0:
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
        self.polls += 1
        if self.polls % BUSY == 0 and self.waiting:
            self.verify(8 * BATCH, 1)
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
            self.events[size].events = (POLLIN | POLLPRI if descriptor.readers.size else 0) | (POLLOUT if descriptor.writers.size else 0)
            asked.append(descriptor)
            size += 1
        if timeout != 0:
            timeout = self.slice(timeout)
        milliseconds = 0 if timeout == 0 else -1 if timeout < 0 else <int>ceil(min(timeout, 1e6) * 1000)
        with nogil:
            count = poll(self.events, size, milliseconds)
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
                self.happened(descriptor, happened & (POLLIN | POLLPRI), happened & POLLOUT, happened & (POLLHUP | POLLERR))
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


cdef bint is_ready(int number, short events) except -1:
    """Whether one of `events` holds for descriptor `number` now, an error or an end. Raises OSError(EBADF) for a number that is not open."""
    cdef pollfd look
    look.fd = number
    look.events = events
    if poll(&look, 1, 0) <= 0:
        return False
    if look.revents & POLLNVAL:
        raise OSError(EBADF, os.strerror(EBADF))
    return True


cdef bint readable(int number) except -1:
    """Whether descriptor `number` has something to read now."""
    return is_ready(number, POLLIN)


cdef bint failed(int number) noexcept:
    """Whether an error waits to be fetched from descriptor `number`."""
    cdef pollfd look
    look.fd = number
    look.events = 0
    return poll(&look, 1, 0) > 0 and look.revents & POLLERR


cdef Poller make_poller():
    """The poller that ``WEFT_POLLER`` names, or the platform's best."""
    name = os.environ.get("WEFT_POLLER") or ("epoll" if WEFT_EPOLL else "poll")
    if name == "epoll" and WEFT_EPOLL:
        return EpollPoller()
    if name in ("poll", "selectors"):
        return PollPoller()
    raise ValueError(f"WEFT_POLLER is {name!r}; it takes " + ("'epoll' or 'poll'" if WEFT_EPOLL else "'poll' on this platform"))
