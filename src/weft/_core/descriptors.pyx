# cython: language_level=3, boundscheck=False, wraparound=False, binding=True
"""Waiting for a descriptor, and telling every scheduler when one is made, closed or replaced.

Invariants:
- A number that is closed, or replaced by another file, is forgotten by every scheduler before it
  happens: its waiters get EBADF.
- What closes a number without telling (a C library) is found out by the poller; see there.
- The poller and the door have numbers too. A scheduler that is about to lose one of its own makes
  them anew at its next poll.
"""

from weft._core.poller cimport (
    ARMED,
    CHANGED,
    READ,
    TOO_DEEP,
    UNASKED,
    UNTIMED,
    WRITE,
    Descriptor,
    Poller,
    is_ready,
)
from weft._core.scheduler cimport Scheduler
from weft._core.schedulers cimport all_schedulers, get_scheduler
from weft._core.timers cimport monotonic, seconds, time_left
from weft._core.waiting cimport WaitQueue

cdef extern from "<fcntl.h>" nogil:
    int fcntl(int number, int command)
    enum: F_GETFD

cdef extern from "<poll.h>" nogil:
    enum: POLLIN, POLLOUT

cdef extern from "Python.h":
    int PyObject_AsFileDescriptor(object descriptor) except -1

cdef int LAST = 2147483647  # no number is larger
# seconds between two looks at what cannot be watched, the first and the longest
cdef double LOOK = 0.001, LONGEST_LOOK = 0.05


cdef int claim(int number, bint owned) except -1:
    """`number` is a new descriptor.

    Weft sees its closing if it is `owned`, and it has no timeouts of its own.
    """
    cdef Scheduler scheduler
    cdef Descriptor descriptor
    for scheduler in all_schedulers():
        descriptor = scheduler.poller.known(number)
        if descriptor is not None:
            scheduler.poller.retire(descriptor)
    if owned:
        descriptor = get_scheduler().poller.claim(number)
        descriptor.owned = True
        descriptor.timed = UNTIMED
    return 0


cdef int recognize(int number) except -1:
    """`number` was handed to weft.

    Records of it stay if it still means the same file, and are retired if not.
    """
    cdef Scheduler scheduler
    cdef Descriptor descriptor
    for scheduler in all_schedulers():
        descriptor = scheduler.poller.known(number)
        if descriptor is None or (descriptor.registered and scheduler.poller.holds(descriptor)):
            continue
        scheduler.poller.retire(descriptor)
    return 0


cdef int forget(int number) except -1:
    """`number` is about to be closed: who waits for it, on whatever thread, gets OSError(EBADF)."""
    cdef Scheduler scheduler
    for scheduler in all_schedulers():
        scheduler.poller.forget(number)
        if uses(scheduler, number, number + 1):
            evacuate(scheduler)
    return 0


cdef bint uses(Scheduler scheduler, int low, int high):
    return scheduler.poller.uses(low, high) or scheduler.ready.uses(low, high)


cdef int evacuate(Scheduler scheduler) except -1:
    """A descriptor of the scheduler's own is about to be closed.

    Let it make new ones before it waits again.
    """
    scheduler.poller.lost = True
    if scheduler.ready.asleep:
        scheduler.ready.ring()
    if scheduler is get_scheduler():
        scheduler.deafen()
    return 0


cdef int ask_again() except -1:
    """A timeout of a socket was set.

    Whether a socket has one must be asked anew, whatever descriptors there are of it.
    """
    cdef Scheduler scheduler
    cdef Descriptor descriptor
    for scheduler in all_schedulers():
        for descriptor in [*scheduler.poller.table, *scheduler.poller.far.values()]:
            if descriptor is not None:
                descriptor.timed = UNASKED
    return 0


cdef int wait_in_line(Scheduler scheduler, WaitQueue queue, double timeout, object reason) except -1:
    return scheduler.wait(queue, timeout, reason)


ctypedef int (*wait_call)(Scheduler, WaitQueue, double, object) noexcept
# -1 with an error set: a try block would lie under each task that waits, 128 bytes
cdef wait_call wait_quietly = <wait_call><void *>wait_in_line


cdef int wait_descriptor(
    Scheduler scheduler, Descriptor descriptor, int direction, double timeout, bint trusting
) except -1:
    """Park until `descriptor` may be ready (1) or `timeout` seconds have passed (0).

    Raises OSError(EBADF) once it is closed. `trusting`: a socket of weft's waits by its own record, which the poller verifies later.
    """
    cdef void *poller = <void *>scheduler.poller  # a fork replaces it, and keeps the old one
    cdef int woken = scheduler.poller.arm(descriptor, direction, trusting)
    if woken != ARMED:
        return wait_otherwise(scheduler, descriptor, direction, timeout, woken)
    if descriptor.closed:  # meanwhile: to arm it may run the collector, and any finalizer
        descriptor.refuse()
    (<Poller>poller).waiting += 1
    woken = wait_quietly(scheduler, descriptor.readers if direction == READ else descriptor.writers, timeout, descriptor)
    (<Poller>poller).waiting -= 1
    if woken >= 0 and descriptor.closed:
        descriptor.refuse()
    return woken


cdef int wait_otherwise(
    Scheduler scheduler, Descriptor descriptor, int direction, double timeout, int armed
) except -1:
    """The rare ends of ``wait_descriptor``.

    The number means another file now, cannot be watched, or is always ready.
    """
    if armed == CHANGED:
        descriptor = scheduler.poller.find(descriptor.number)
        return wait_descriptor(scheduler, descriptor, direction, timeout, False)
    if armed == TOO_DEEP:
        return look_at(scheduler, descriptor, direction, timeout)
    scheduler.pause()
    return 1


cdef int look_at(
    Scheduler scheduler, Descriptor descriptor, int direction, double timeout
) except -1:
    """``wait_descriptor`` by poll(2) and pauses that grow."""
    cdef double deadline = 0, pause = LOOK
    cdef double left = time_left(timeout, &deadline)
    while not is_ready(descriptor.number, POLLIN if direction == READ else POLLOUT):
        if left == 0:
            return 0
        scheduler.park(None, pause if left < 0 else min(left, pause), descriptor)
        if descriptor.closed:
            descriptor.refuse()
        pause = min(pause * 2, LONGEST_LOOK)
        left = time_left(timeout, &deadline)
    return 1


cdef int number_of(object descriptor) except -1:
    """Return the number of `descriptor`, with the errors of the standard library."""
    return PyObject_AsFileDescriptor(descriptor)


def descriptor_number(descriptor) -> int:
    """Return the number of `descriptor` as the standard library reads it; for twins in Python."""
    return number_of(descriptor)


cdef int wait_for(object descriptor, int direction, object timeout) except -1:
    cdef Scheduler scheduler = get_scheduler()
    cdef double limit = seconds(timeout)
    cdef int number = number_of(descriptor)
    cdef void *poller = <void *>scheduler.poller
    cdef double deadline = 0 if limit < 0 else monotonic() + limit
    while True:
        if not wait_descriptor(scheduler, scheduler.poller.find(number), direction, limit, False):
            raise TimeoutError(f"descriptor {number} was not ready within {timeout} seconds")
        if poller == <void *>scheduler.poller:
            return 0
        poller = <void *>scheduler.poller  # a fork's child: the fork woke the wait
        if limit >= 0:
            limit = max(deadline - monotonic(), 0)


def wait_readable(descriptor, timeout=None) -> None:
    """Park the task until `descriptor` (a number, or an object with ``fileno()``) may have something to read.

    `timeout`: seconds, None for as long as it takes. Raises TimeoutError, and OSError(EBADF) if it is closed meanwhile.
    A wake may be early: read without blocking, and wait again.
    """
    wait_for(descriptor, READ, timeout)


def wait_writable(descriptor, timeout=None) -> None:
    """Park the task until `descriptor` may take something. Arguments and errors as for ``wait_readable``."""
    wait_for(descriptor, WRITE, timeout)


def closing(number) -> None:
    """Tell weft that descriptor `number` is about to be closed, so that whoever waits for it gets OSError(EBADF)."""
    forget(number)


def closing_range(low, high) -> None:
    """``closing`` for every descriptor from `low` up to, not including, `high`."""
    cdef Scheduler scheduler
    cdef int first = max(0, min(low, LAST)), end = max(0, min(high, LAST))
    for scheduler in list(all_schedulers()):
        scheduler.poller.forget_range(first, end)
        if uses(scheduler, first, end):
            evacuate(scheduler)


def replacing(source, number) -> None:
    """Tell weft that `number` is about to become a copy of descriptor `source`.

    Nothing happens where the system refuses that.
    """
    if source != number and number >= 0 and fcntl(source, F_GETFD) >= 0:
        forget(number)
