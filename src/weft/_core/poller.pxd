from weft._core.runqueue cimport Runnable, RunQueue
from weft._core.waiting cimport WaitQueue

cdef extern from "thread.h":
    int weft_hold_collector() noexcept
    void weft_free_collector(int held) noexcept

cdef enum Direction:
    READ = 1
    WRITE = 2

cdef enum Armed:
    ARMED = 0  # the descriptor is watched
    READY = 1  # it is of a kind that is always ready: a regular file
    CHANGED = 2  # its number means another file now: find it anew
    TOO_DEEP = 3  # an epoll object in others, as deep as the system allows: look with pauses

cdef enum Polled:
    NOTHING = 0  # time passed, or fibers were woken
    SIGNAL = 1  # a signal cut the wait short
    DOOR = 2  # somebody rang
    LOST = 3  # the poller's own descriptors are gone: open it anew


cdef class Descriptor:
    cdef readonly int number  # the name that the file was met by
    cdef unsigned int generation  # of the record: an event of an older one is dropped
    cdef bint registered  # the poller watches the file
    cdef bint owned  # a socket of weft's: a wait trusts the registration, and verifies it later
    cdef bint drained  # the last read was short and no edge came since: there is nothing to read
    cdef bint paused  # TLS: the last record was short, so the peer has probably paused
    cdef Py_ssize_t expected  # bytes that the last read brought
    cdef bint hung_up  # the peer or the network has ended the stream
    cdef bint closed  # the number was closed, or means another file: who waits gets EBADF
    cdef unsigned char timed  # SO_RCVTIMEO and SO_SNDTIMEO: see Timed
    cdef WaitQueue readers  # who waits for something to read
    cdef WaitQueue writers  # who waits for room
    cdef int refuse(self) except -1

cdef enum Timed:
    UNASKED = 0  # nobody has asked whether the socket has a timeout of its own
    UNTIMED = 1  # it has none
    TIMED = 2  # it has one: each wait asks how long it is


cdef class Poller:
    cdef list table  # records of descriptors, by number
    cdef dict far  # those of numbers too large for the table
    # told that its owner is awake again before anybody is woken, so that nobody rings for that
    cdef RunQueue ready
    cdef int door  # the scheduler's door, or -1 while there is none
    cdef readonly Py_ssize_t waiting  # fibers that wait for a descriptor
    cdef bint edge  # each change is told once
    cdef bint lost  # its own descriptors are closed, or about to be
    cdef int held  # whether the collector is held off, and was on before
    cdef unsigned int generations  # records made
    cdef unsigned int trusted  # waits since the last verification that trusted a registration
    cdef unsigned int polls  # calls of ``poll``
    cdef Py_ssize_t cursor  # where in the table verification goes on
    cdef double interval  # seconds of idleness before the next verification
    cdef double quiet  # seconds of idleness since the last one
    cdef Descriptor known(self, int number)
    cdef Descriptor find(self, int number)
    cdef Descriptor claim(self, int number)
    cdef int forget(self, int number) except -1
    cdef int forget_range(self, int low, int high) except -1
    cdef int wake(self, Runnable fiber) except -1
    cdef int retire(self, Descriptor descriptor) except -1
    cdef int arm(self, Descriptor descriptor, int direction, bint trusting) except -1
    cdef int disarm(self, Descriptor descriptor) except -1
    cdef bint holds(self, Descriptor descriptor) except -1
    cdef int verify(self, Py_ssize_t count, Py_ssize_t most) except -1
    cdef int examine(self, Descriptor descriptor) except -1
    cdef int sample(self) except -1
    cdef double slice(self, double timeout) noexcept
    cdef int doubt(self, double waited) except -1
    cdef int poll(self, double timeout) except -1
    cdef inline void rest(self) noexcept:
        """The thread is about to sleep: others may collect."""
        weft_free_collector(self.held)
    cdef inline void awake(self) noexcept:
        self.held = weft_hold_collector()
        if self.ready is not None:
            self.ready.asleep = False
    cdef void happened(self, Descriptor descriptor, bint read, bint write, bint hung_up)
    cdef int open(self, int door) except -1
    cdef int reopen(self, int door) except -1
    cdef bint intact(self)
    cdef bint uses(self, int low, int high)
    cdef void close(self) noexcept


cdef bint is_open(int number) noexcept
cdef int refuse_closed(int number) except -1
cdef bint is_ready(int number, short events) except -1
cdef bint readable(int number) except -1
cdef bint failed(int number) noexcept
cdef bint identify(int number, unsigned long long *device, unsigned long long *inode) noexcept
cdef Poller make_poller()
