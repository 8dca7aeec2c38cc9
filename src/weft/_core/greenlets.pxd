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
    object PyGreenlet_Switch(PyGreenlet *greenlet, PyObject *args, PyObject *kwargs)
    PyObject *PyExc_GreenletExit
