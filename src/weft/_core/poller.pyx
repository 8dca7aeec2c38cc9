# cython: language_level=3, boundscheck=False, wraparound=False
"""Which descriptors are ready: epoll first, poll(2) as the portable fallback.

Invariants:
- A number is a name, not an identity: it may be closed, reused or duplicated behind weft's back.
  Each poller knows how to tell
  whether a number still means the file that it met (``holds``).
- A socket of weft's trusts its registration, and a wait makes no system call. The poller verifies
  it later: when the thread has
  been idle for a while, and one descriptor every 64 polls of a busy one. Every other number is
  armed anew at each wait.
- A record whose number was closed or means another file is retired: its waiters get EBADF, and the
  next wait makes a new record.
- ``drained`` means: the last read was shorter than asked and no edge came since, so the stream has
  nothing. After a hang-up it is
  never set.
- ``poll`` runs no Python signal handler.

The scheduler's choice: ``WEFT_POLLER`` (``epoll`` or ``poll``, which also answers to ``selectors``), else what the platform has.

Tried and dropped: the standard library's selectors as the fallback. They run Python signal handlers inside ``select()``, in the middle of
somebody's park; a handler that waits then polls a second time ("concurrent poll() invocation").
"""

from libc.errno cimport EBADF, EINTR, errno
from weft._core.runqueue cimport Runnable
from weft._core.waiting cimport WaitQueue

import os

cdef extern from "<fcntl.h>" nogil:
    int fcntl(int number, int command)
    enum: F_GETFD

cdef extern from "poller.h" nogil:
    enum: WEFT_EPOLL
    bint weft_identify(int number, unsigned long long *device, unsigned long long *inode)

cdef extern from "<poll.h>" nogil:
    struct pollfd:
        int fd
        short events
        short revents
    int poll(pollfd *events, unsigned long count, int milliseconds)
    enum: POLLIN, POLLERR, POLLNVAL

cdef enum:
    BUSY = 64  # polls of a busy thread for each descriptor that it verifies
    DENSE = 1 << 20  # numbers below it are kept in a list, those above in a dict
    LOOKED_AT = 2048  # records that a busy thread looks at for the one that it verifies
# seconds of idleness after which what was trusted is verified; each time after that, twice as many
cdef double FIRST = 0.1
cdef double LAST = 60
cdef double SHARE = 50e-6  # seconds of idleness for each record that is verified


cdef int refuse_closed(int number) except -1:
    """Raise what a task gets whose descriptor was closed."""
    problem = os.strerror(EBADF)
    raise OSError(EBADF, f"{problem}: descriptor {number} was closed while a task waited for it")


cdef bint is_open(int number) noexcept:
    return fcntl(number, F_GETFD) >= 0


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
        """Return what is known of descriptor `number`.

        Raises OSError(EBADF) for a number that is not open.
        """
        if number < 0:
            raise ValueError(f"Invalid file descriptor: {number}")
        cdef Descriptor descriptor = self.known(number)
        if descriptor is not None:
            return descriptor
        if not is_open(number):
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

    cdef int wake(self, Runnable fiber) except -1:
        """Wake the waits of `fiber`, which a fork leaves alone in the child: it waits anew."""
        cdef Descriptor descriptor
        for descriptor in [*self.table, *self.far.values()]:
            if descriptor is not None:
                descriptor.readers.wake_fiber(fiber)
                descriptor.writers.wake_fiber(fiber)
        return 0

    cdef int retire(self, Descriptor descriptor) except -1:
        """The number of `descriptor` does not mean the same file any more.

        Drop the record, and let its waiters go with EBADF.
        """
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
        """Go through the next `count` records, and verify at most `most` that a fiber waits for. 1 at the end.

        Those that changed are retired.
        """
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
        if descriptor is None or not descriptor.registered:
            return 0
        if not descriptor.readers.size and not descriptor.writers.size:
            return 0
        if not self.holds(descriptor):
            self.retire(descriptor)
        return 1

    cdef int sample(self) except -1:
        """At each poll: a busy thread verifies one descriptor every BUSY polls."""
        self.polls += 1
        return self.verify(LOOKED_AT, 1) if self.polls % BUSY == 0 and self.waiting else 0

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
        """Nothing has happened for `waited` seconds: verify some records, if it is time.

        A record takes half a microsecond, so an idle thread with many connections spends a hundredth of its time at most.
        """
        cdef Py_ssize_t budget
        self.quiet += waited
        if self.quiet < self.interval:
            return 0
        budget = <Py_ssize_t>(min(self.quiet, 1) / SHARE)
        self.quiet = 0
        if not self.intact():
            self.lost = True
        elif self.verify(16 * budget, budget):
            self.interval = min(2 * self.interval, LAST)
        else:
            self.interval = FIRST
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
        """Get descriptors of its own anew, and watch what was watched.

        Waiters whose descriptor is gone get EBADF. Raises OSError if the system refuses; then it may be
        called again.
        """
        raise NotImplementedError

    cdef bint intact(self):
        """Return whether the poller's own descriptors still mean what they did."""
        return True

    cdef bint uses(self, int low, int high):
        """Return whether the poller has a descriptor of its own from `low` up to, not including, `high`."""
        return False

    cdef void close(self) noexcept:
        pass

    cdef int arm(self, Descriptor descriptor, int direction, bint trusting) except -1:
        """Before a wait.

        Let `descriptor` be watched. Returns one of Armed; with `trusting`, a registration of weft's
        own is believed.
        """
        raise NotImplementedError

    cdef int disarm(self, Descriptor descriptor) except -1:
        raise NotImplementedError

    cdef bint holds(self, Descriptor descriptor) except -1:
        """Return whether the number of `descriptor` still means the file that was registered."""
        raise NotImplementedError

    cdef int poll(self, double timeout) except -1:
        """Wake the fibers that can go on.

        Wait at most `timeout` seconds (negative: as long as it takes), or less. Returns one of
        Polled.
        """
        raise NotImplementedError


cdef bint look_at(pollfd *look) noexcept:
    """Ask poll(2) without a wait. A signal that cuts even that short says nothing: ask again."""
    cdef int count
    while True:
        count = poll(look, 1, 0)
        if count >= 0 or errno != EINTR:
            return count > 0


cdef bint is_ready(int number, short events) except -1:
    """Return whether one of `events` holds for descriptor `number` now, an error or an end.

    Raises OSError(EBADF) for a number that is not open.
    """
    cdef pollfd look
    look.fd = number
    look.events = events
    if not look_at(&look):
        return False
    if look.revents & POLLNVAL:
        raise OSError(EBADF, os.strerror(EBADF))
    return True


cdef bint readable(int number) except -1:
    """Return whether descriptor `number` has something to read now."""
    return is_ready(number, POLLIN)


cdef bint failed(int number) noexcept:
    """Return whether an error waits to be fetched from descriptor `number`."""
    cdef pollfd look
    look.fd = number
    look.events = 0
    return look_at(&look) and look.revents & POLLERR


cdef object EpollPoller = None
cdef object PollPoller = None


def set_pollers(epoll, poll):
    """Say which pollers there are.

    A scheduler imports none when it is made: a signal handler that needs one, too, would find the
    module half made.
    """
    global EpollPoller, PollPoller
    EpollPoller = epoll
    PollPoller = poll


cdef Poller make_poller():
    """The poller that ``WEFT_POLLER`` names, or the platform's best."""
    name = os.environ.get("WEFT_POLLER") or ("epoll" if WEFT_EPOLL else "poll")
    if name == "epoll" and WEFT_EPOLL:
        return EpollPoller()
    if name in ("poll", "selectors"):
        return PollPoller()
    raise ValueError(f"WEFT_POLLER is {name!r}; it takes " + ("'epoll' or 'poll'" if WEFT_EPOLL else "'poll' on this platform"))
