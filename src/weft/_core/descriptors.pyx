# cython: language_level=3, boundscheck=False, wraparound=False, binding=True
"""Waiting for a descriptor, and telling every scheduler when one is made or closed."""

from weft._core.poller cimport READ, WRITE, Descriptor
from weft._core.scheduler cimport Scheduler
from weft._core.schedulers cimport all_schedulers, get_scheduler
from weft._core.timers cimport seconds
from weft._core.waiting cimport WaitQueue


cdef int claim(int number, bint owned) except -1:
    """`number` is a new descriptor; weft sees its closing if it is `owned`."""
    cdef Scheduler scheduler
    for scheduler in all_schedulers():
        if scheduler.poller.known(number) is not None:
            scheduler.poller.table[number] = None
    if owned:
        get_scheduler().poller.claim(number).owned = True
    return 0


cdef int forget(int number) except -1:
    """`number` is about to be closed: who waits for it, on whatever thread, gets OSError(EBADF)."""
    cdef Scheduler scheduler
    for scheduler in all_schedulers():
        scheduler.poller.forget(number)
    return 0


cdef int wait_in_line(Scheduler scheduler, WaitQueue queue, double timeout, object reason) except -1:
    return scheduler.wait(queue, timeout, reason)


ctypedef int (*wait_call)(Scheduler, WaitQueue, double, object) noexcept
cdef wait_call wait_quietly = <wait_call><void *>wait_in_line  # -1 with an error set: a try block would lie under each task that waits, 128 bytes


cdef int wait_descriptor(Scheduler scheduler, Descriptor descriptor, int direction, double timeout) except -1:
    """Park until `descriptor` may be ready (1) or `timeout` seconds have passed (0). Raises OSError(EBADF) once it is closed."""
    cdef int woken
    if scheduler.poller.arm(descriptor, direction):
        scheduler.pause()
        return 1
    scheduler.poller.waiting += 1
    woken = wait_quietly(scheduler, descriptor.readers if direction == READ else descriptor.writers, timeout, descriptor)
    scheduler.poller.waiting -= 1
    if woken >= 0 and descriptor.closed:
        descriptor.refuse()
    return woken


cdef int number_of(object descriptor) except? -1:
    if isinstance(descriptor, int):
        return descriptor
    return descriptor.fileno()


cdef int wait_for(object descriptor, int direction, object timeout) except -1:
    cdef Scheduler scheduler = get_scheduler()
    cdef Descriptor known = scheduler.poller.find(number_of(descriptor))
    if not wait_descriptor(scheduler, known, direction, seconds(timeout)):
        raise TimeoutError(f"descriptor {known.number} was not ready within {timeout} seconds")
    return 0


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
