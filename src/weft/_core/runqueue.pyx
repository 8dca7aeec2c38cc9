# cython: language_level=3, boundscheck=False, wraparound=False
"""Who runs next, and the door by which other threads come in.

Invariants:
- A runnable stands in at most one run queue, once; the queue owns one reference to it while it does.
- ``push`` and ``pop`` allocate nothing and run no Python code, so under the interpreter's lock each is one step for every thread,
  for a signal handler, and for a finalizer: the queue itself is the thread-safe inbox.
- ``asleep`` is true only while the owner waits in the operating system without the interpreter's lock; the first push then rings.

With a seed the next is a random one, the same each time for the same seed: for tests that look for orders which nobody thought of.

The door is a pipe and not an eventfd: a Python signal may ring it too (``signal.set_wakeup_fd`` writes the signal's number, one
byte, which an eventfd refuses), and a pipe is portable. A wake writes the byte 0, a signal its number, so ``drain`` can tell.
A program may close the door's numbers behind weft's back and get them for files of its own. So each
use asks first whether they still mean the
door (fstat, 0.2 us beside a system call that is due anyway): nothing is ever written to, read from or closed that is not weft's.
"""

cimport cython
from cpython.ref cimport Py_DECREF, Py_INCREF
from posix.unistd cimport close, read, write

import fcntl
import os

cdef extern from "poller.h" nogil:
    bint weft_identify(int number, unsigned long long *device, unsigned long long *inode)


cdef class Runnable(Timer):
    """Something that can stand in a run queue."""


@cython.final
cdef class RunQueue:
    """First in, first out."""

    def __cinit__(self):
        self.inner = self.outer = -1

    def __dealloc__(self):
        self.close()
        cdef Runnable runnable
        while self.head != NULL:  # not pop(): it returns an object, so it could raise, and nothing can be raised here
            runnable = <Runnable>self.head
            self.head = runnable.following
            runnable.queued = False
            Py_DECREF(runnable)

    cdef int open(self) except -1:
        """Make the door (again.

        After a fork the child needs one of its own). Raises OSError and keeps the old one if the
        system refuses.
        """
        cdef int inner, outer
        inner, outer = make_door()
        self.close()
        self.inner, self.outer = inner, outer
        weft_identify(inner, &self.device, &self.inode)
        return 0

    cdef void close(self) noexcept:
        if self.is_door(self.inner):
            close(self.inner)
        if self.is_door(self.outer):
            close(self.outer)
        self.inner = self.outer = -1

    cdef bint is_door(self, int number) noexcept:
        """Return whether `number` still means an end of the door."""
        cdef unsigned long long device, inode
        if number < 0 or not weft_identify(number, &device, &inode):
            return False
        return device == self.device and inode == self.inode

    cdef bint intact(self) noexcept:
        return self.is_door(self.inner) and self.is_door(self.outer)

    cdef bint uses(self, int low, int high) noexcept:
        """Return whether the door has a number from `low` up to, not including, `high`."""
        return low <= self.inner < high or low <= self.outer < high

    cdef void push(self, Runnable runnable) noexcept:
        """Let `runnable` run after those that wait already. From any thread; nothing happens if it is queued already."""
        if runnable.queued:
            return
        runnable.queued = True
        runnable.following = NULL
        Py_INCREF(runnable)
        if self.tail == NULL:
            self.head = <void *>runnable
        else:
            (<Runnable>self.tail).following = <void *>runnable
        self.tail = <void *>runnable
        self.size += 1
        if self.asleep:
            self.asleep = False
            self.ring()

    cdef Runnable pop(self):
        """The next runnable, or None."""
        cdef Runnable runnable
        if self.head == NULL:
            return None
        if self.seed:
            self.shuffle()
        runnable = <Runnable>self.head
        self.head = runnable.following
        if self.head == NULL:
            self.tail = NULL
        runnable.following = NULL
        runnable.queued = False
        self.size -= 1
        Py_DECREF(runnable)
        return runnable

    cdef void remove(self, Runnable runnable) noexcept:
        """Take `runnable` out, wherever it is; nothing happens if it is not queued. Walks the queue."""
        cdef void *before = NULL
        cdef void *link = self.head
        if not runnable.queued:
            return
        while link != <void *>runnable:
            before = link
            link = (<Runnable>link).following
        if before == NULL:
            self.head = runnable.following
        else:
            (<Runnable>before).following = runnable.following
        if self.tail == link:
            self.tail = before
        runnable.following = NULL
        runnable.queued = False
        self.size -= 1
        Py_DECREF(runnable)

    cdef void shuffle(self) noexcept:
        """Bring a random one to the head (xorshift64*, Vigna 2016)."""
        cdef Py_ssize_t place
        cdef void *before = NULL
        cdef void *chosen = self.head
        self.steps += 1
        self.seed ^= self.seed >> 12
        self.seed ^= self.seed << 25
        self.seed ^= self.seed >> 27
        place = <Py_ssize_t>(((self.seed * 2685821657736338717) >> 33) % <unsigned long long>self.size)
        while place:
            place -= 1
            before = chosen
            chosen = (<Runnable>chosen).following
        if before == NULL:
            return
        (<Runnable>before).following = (<Runnable>chosen).following
        if self.tail == chosen:
            self.tail = before
        (<Runnable>chosen).following = self.head
        self.head = chosen

    cdef void ring(self) noexcept:
        cdef char byte = 0
        if self.is_door(self.outer):
            write(self.outer, &byte, 1)  # a full pipe rings just as well

    cdef bint drain(self) noexcept:
        """Empty the door, which is known to be ``intact``; true if a signal rang."""
        cdef char buffer[256]
        cdef Py_ssize_t count, index
        cdef bint signalled = False
        while True:
            count = read(self.inner, buffer, sizeof(buffer))
            for index in range(max(count, 0)):
                if buffer[index]:
                    signalled = True
            if count < <Py_ssize_t>sizeof(buffer):
                return signalled


cdef tuple make_door():
    """Both ends of a new pipe, which do not block.

    Their numbers are above 2: a program may close those to fill them with files of its own.
    """
    cdef list numbers = list(os.pipe())
    try:
        for place in range(2):
            os.set_blocking(numbers[place], False)
            if numbers[place] < 3:
                moved = fcntl.fcntl(numbers[place], fcntl.F_DUPFD_CLOEXEC, 3)
                close(numbers[place])
                numbers[place] = moved
    except BaseException:
        for number in numbers:
            close(number)
        raise
    return tuple(numbers)
