# cython: language_level=3, boundscheck=False, wraparound=False
"""Whether anything can still happen, and if not, who waits for what.

Rules:
- Asked only by the main thread, when it has no timer and no descriptor to wait for.
- Another thread may wake somebody, unless its pool says that it is idle; so may a signal handler of the program's own.
"""

from cpython.object cimport PyObject
from weft._core.fiber cimport PARKED, Fiber
from weft._core.scheduler cimport Scheduler

import _signal
import _thread
import sys

from weft._core.errors import DeadlockError
from weft._core.hooks import set_deadlock_finder

cdef extern from "thread.h":
    Py_ssize_t weft_count_threads()

cdef Py_ssize_t idle_threads = 0
cdef int SHOWN = 100  # lines of the message; the error has them all


def count_idle_threads(Py_ssize_t change):
    """Pool threads begin (1) or stop (-1) to have nothing to do: then they wake nobody."""
    global idle_threads
    idle_threads += change


def forget_idle_threads():
    """In a forked child there are none."""
    global idle_threads
    idle_threads = 0


def others_run() -> bool:
    """Whether the process has another thread that may wake somebody."""
    return weft_count_threads() - idle_threads > 1


cdef bint nobody_else():
    """No other thread and no signal handler can wake anybody."""
    if others_run():
        return False
    for number in _signal.valid_signals():
        handler = _signal.getsignal(number)
        handler = getattr(handler, "program", handler)
        if callable(handler) and handler is not _signal.default_int_handler and not isinstance(handler, int):
            return False
    return True


def find_deadlock(Scheduler scheduler):
    """The error that names every parked task, or None if something can still happen."""
    if not nobody_else():
        return None
    lines = tuple(f"{task} waits for {reason}{where}" for task, reason, where in parked(scheduler))
    more = f"\n  and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
    return DeadlockError("nothing can ever wake the main task; parked are:\n  " + "\n  ".join(lines[:SHOWN]) + more, lines)


def parked(Scheduler scheduler):
    """Each parked fiber, the oldest first: itself, what it waits for, and where."""
    cdef Fiber fiber
    cdef void *link = scheduler.newest
    rows = []
    while link != NULL:
        fiber = <Fiber>link
        link = fiber.older
        if fiber.state == PARKED:
            if fiber.greenlet != NULL:
                frame = (<object><PyObject *>fiber.greenlet).gr_frame
            else:  # the one that polls
                frame = sys._current_frames().get(_thread.get_ident())
            where = f", at {frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}" if frame is not None else ""
            rows.append((fiber, fiber.reason if isinstance(fiber.reason, str) else repr(fiber.reason), where))
    rows.reverse()
    return rows


set_deadlock_finder(find_deadlock, others_run)
