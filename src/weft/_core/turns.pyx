# cython: language_level=3, boundscheck=False, wraparound=False
"""Greenlets that another thread has dropped, and whether there may be any.

greenlet ends such a greenlet in the next call of its own thread. Its clean-up runs in the middle of that call,
and may wait. So the scheduler calls greenlet here, while its current fiber may wait, and not only when it switches.

This is a module of its own so that nothing of it lies on the stack of a parked fiber.
"""

from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF
from weft._core.greenlets cimport PyGreenlet, PyGreenlet_Import, weft_current_greenlet

cdef extern from "turns.h":
    const unsigned long *weft_find_turns() noexcept

cdef extern from "Python.h":
    void PyErr_Clear() noexcept

PyGreenlet_Import()

cdef unsigned long unknown = 0  # stands for a counter that cannot be read: it never moves


cdef const unsigned long *find_turns() noexcept:
    """Return the counter of how often the interpreter's lock has come from one thread to another.

    Where it cannot be read, it is one that never moves: then a clean-up that waits may strike in a switch.
    """
    cdef const unsigned long *turns = weft_find_turns()
    return &unknown if turns == NULL else turns


cdef void end_dropped(const unsigned long *turns, unsigned long *seen) noexcept:
    """Let greenlet end what another thread has dropped before `turns` was as it is now, and note that in `seen`."""
    cdef PyGreenlet *here
    while turns[0] != seen[0]:
        seen[0] = turns[0]
        here = weft_current_greenlet()
        if here == NULL:  # the interpreter is about to end
            PyErr_Clear()
        else:
            Py_DECREF(<object><PyObject *>here)
