# cython: language_level=3
"""Python's signal handlers, run by the main fiber on its own stack where it waits. They may wait themselves."""

from weft._core.fiber cimport Fiber
from weft._core.waiting cimport Waiter

cdef extern from "Python.h":
    int PyErr_CheckSignals() except -1


cdef int run_handlers(list errands, Fiber fiber, Waiter waiter) except -1:
    """Run the handlers of signals that have come, and `errands`, the calls that other tasks left for the main one.

    Returns 1 if `waiter` was woken meanwhile. An error is raised in the wait, which is given up; if it was woken, at the next wait.
    """
    fiber.signalled = False
    try:
        PyErr_CheckSignals()
        while errands:
            errands.pop(0)()
    except BaseException as error:
        fiber.signalled = bool(errands)
        if waiter is None or not waiter.woken:
            if waiter is not None:
                waiter.leave()
            raise
        fiber.pending = error  # woken meanwhile: what it was handed comes first
    return waiter is not None and waiter.woken
