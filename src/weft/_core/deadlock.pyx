# cython: language_level=3, boundscheck=False, wraparound=False
"""The deadlock report: whether anything can still happen, and if not, who waits for what.

Rules:
- Asked only by the main thread, when it has no timer and no descriptor to wait for.
- Any other thread of the process may wake somebody, even one of a C library that has never run Python: it may call back. Only the idle
  threads of weft's own pools cannot. So with numpy's threads, say, or a watchdog of ``faulthandler``, no deadlock is reported.
- So may a signal handler of the program's own.
- Threads end without a word. While there are some, the main thread asks again, after a second at most.
- Where the system does not tell how many threads there are (no /proc), nothing is reported.
- No fiber is current here, so no code of the program runs: objects are told by type and known fields.
"""

from cpython.object cimport PyObject
from weft._core.fiber cimport PARKED, Fiber
from weft._core.names cimport describe
from weft._core.scheduler cimport Scheduler

import _signal
import sys

from weft._core.errors import DeadlockError
from weft._core.hooks import set_deadlock_finder

cdef extern from "thread.h":
    Py_ssize_t weft_count_states()
    Py_ssize_t weft_count_threads()

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident()

cdef Py_ssize_t idle_threads = 0
cdef int SHOWN = 100  # lines of the message; the error has them all


cdef class ProgramHandler:
    """The object in front of a signal handler of the program, ``program``. The twin of ``signal`` extends it."""

    cdef readonly object program

    def __init__(self, program):
        self.program = program


def count_idle_threads(Py_ssize_t change):
    """Pool threads begin (1) or stop (-1) to have nothing to do: then they wake nobody."""
    global idle_threads
    idle_threads += change


def forget_idle_threads():
    """In a forked child there are none."""
    global idle_threads
    idle_threads = 0


def others_run() -> bool:
    """Return whether the process has another thread of Python that may wake somebody."""
    return weft_count_states() - idle_threads > 1


def threads_left() -> bool:
    """Return whether the process has another thread, of Python or not, that may wake somebody."""
    if others_run():
        return True
    cdef Py_ssize_t count = weft_count_threads()
    return count < 0 or count - idle_threads > 1


cdef bint handled():
    """Return whether a signal handler of the program's own may wake somebody."""
    for number in _signal.valid_signals():
        handler = _signal.getsignal(number)
        if issubclass(type(handler), ProgramHandler):  # by its type alone: its ``__class__`` may be a property
            handler = (<ProgramHandler>handler).program
        if handler is not None and type(handler) is not int and handler is not _signal.default_int_handler:
            return True
    return False


def find_deadlock(Scheduler scheduler not None):
    """The error that names every parked task, or None if something can still happen."""
    if handled():
        return None
    lines = tuple(f"{task} waits for {reason}{where}" for task, reason, where in parked(scheduler))
    more = f"\n  and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
    message = "nothing can ever wake the main task; parked are:\n  " + "\n  ".join(lines[:SHOWN]) + more
    error = DeadlockError.__new__(DeadlockError, message)  # not by a call: its __init__ is Python code, in which a signal handler may run
    error.tasks = lines
    return error


def parked(Scheduler scheduler not None):
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
                frame = sys._current_frames().get(PyThread_get_thread_ident())
            where = f", at {frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}" if frame is not None else ""
            rows.append((describe(fiber), describe(fiber.reason), where))
    rows.reverse()
    return rows


set_deadlock_finder(find_deadlock, others_run, threads_left)
