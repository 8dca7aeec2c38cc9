"""greenlet's C interface with its real C types (gcc 14 and later refuse anything else). Each module that uses it calls PyGreenlet_Import() first."""

from cpython.object cimport PyObject

cdef extern from "greenlet/greenlet.h" nogil:
    ctypedef struct PyGreenlet:
        pass
    void PyGreenlet_Import()

cdef extern from "greenlet/greenlet.h":
    PyGreenlet *PyGreenlet_New(PyObject *run, PyGreenlet *parent) except NULL
    PyGreenlet *PyGreenlet_GetCurrent() except NULL
    PyGreenlet *PyGreenlet_GetParent(PyGreenlet *greenlet)

    # The same functions, for who looks after references and errors without a try block.
    PyGreenlet *weft_current_greenlet "PyGreenlet_GetCurrent"()
    PyObject *weft_switch_with "PyGreenlet_Switch"(PyGreenlet *greenlet, PyObject *args, PyObject *kwargs)

cdef inline PyObject *weft_switch(PyGreenlet *greenlet) noexcept:
    """Switch; a new reference, or NULL with an error set."""
    return weft_switch_with(greenlet, NULL, NULL)

cdef extern from "greenlet/greenlet.h":
    PyObject *PyExc_GreenletExit
