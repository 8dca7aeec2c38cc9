"""greenlet's C interface with its real C types (gcc 14 and later refuse anything else). Each module that uses it calls PyGreenlet_Import() first."""

from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_XDECREF

cdef extern from "greenlet/greenlet.h" nogil:
    ctypedef struct PyGreenlet:
        pass
    void PyGreenlet_Import() except *

cdef extern from "greenlet/greenlet.h":
    PyGreenlet *PyGreenlet_New(PyObject *run, PyGreenlet *parent) except NULL
    PyGreenlet *PyGreenlet_GetCurrent() except NULL
    PyGreenlet *PyGreenlet_GetParent(PyGreenlet *greenlet)
    int PyGreenlet_SetParent(PyGreenlet *greenlet, PyGreenlet *parent) except -1
    object PyGreenlet_Throw(PyGreenlet *greenlet, PyObject *kind, PyObject *value, PyObject *traceback)
    PyObject *PyExc_GreenletExit

    # The same functions, for who looks after references and errors without a try block.
    PyGreenlet *weft_current_greenlet "PyGreenlet_GetCurrent"()
    PyObject *weft_switch_with "PyGreenlet_Switch"(PyGreenlet *greenlet, PyObject *args, PyObject *kwargs)
    PyObject *weft_throw_into "PyGreenlet_Throw"(PyGreenlet *greenlet, PyObject *kind, PyObject *error, PyObject *traceback)
    PyGreenlet *weft_new_greenlet "PyGreenlet_New"(PyObject *run, PyGreenlet *parent)


cdef extern from "thread.h":
    PyObject *weft_take_error() noexcept
    int weft_hold_collector() noexcept
    void weft_free_collector(int held) noexcept


cdef extern from "Python.h":
    PyObject *PyTuple_Pack(Py_ssize_t count, PyObject *item) noexcept
    void PyErr_Clear() noexcept
    ctypedef PyObject *(*PyCFunction)(PyObject *, PyObject *)
    ctypedef struct PyMethodDef:
        const char *ml_name
        PyCFunction ml_meth
        int ml_flags
        const char *ml_doc
    enum: METH_NOARGS, METH_FASTCALL, METH_KEYWORDS
    ctypedef struct PyCFunctionObject:
        void *vectorcall
    object PyCFunction_NewEx(PyMethodDef *definition, PyObject *owner, object module)
    PyObject *PyCFunction_GET_SELF(PyObject *function)
    void *Py_TYPE(object o)


cdef inline PyObject *weft_switch(PyGreenlet *greenlet) noexcept:
    """Switch; a new reference, or NULL with an error set."""
    return weft_switch_with(greenlet, NULL, NULL)


cdef inline PyObject *weft_throw(PyGreenlet *greenlet, PyObject *error) noexcept:
    """Raise the exception `error` where `greenlet` stands; a new reference to what comes back, or NULL with an error set."""
    return weft_throw_into(greenlet, <PyObject *>Py_TYPE(<object>error), error, NULL)


cdef inline object new_greenlet(body, parent):
    """A greenlet that will run `body`; without `parent` (None) the current one is its parent."""
    cdef PyGreenlet *greenlet
    greenlet = PyGreenlet_New(<PyObject *>body, NULL if parent is None else <PyGreenlet *><PyObject *>parent)
    made = <object><PyObject *>greenlet
    Py_DECREF(made)
    return made


cdef inline int checked(PyObject *outcome) except -1:
    """What a switch returned, or the error that it brought."""
    if outcome == NULL:
        return -1
    Py_XDECREF(outcome)
    return 0


cdef inline PyObject *pass_on(PyGreenlet *target, PyObject *outcome) noexcept:
    """Switch to `target` with `outcome`: a value, or NULL for the error that is set, which is raised there.

    Returns what comes back when somebody switches here: a new reference, or NULL with an error set.
    """
    cdef PyObject *words
    cdef int held
    if outcome == NULL:
        outcome = weft_take_error()
        words = weft_throw(target, outcome)
        Py_XDECREF(outcome)
        return words
    held = weft_hold_collector()  # whoever is current, it is not who runs here
    words = PyTuple_Pack(1, outcome)
    weft_free_collector(held)
    Py_XDECREF(outcome)
    if words == NULL:
        return NULL
    outcome = weft_switch_with(target, words, NULL)
    Py_XDECREF(words)
    return outcome


cdef inline void drop(PyObject *outcome) noexcept:
    """Let go of what a switch brought, a value or an error."""
    if outcome == NULL:
        PyErr_Clear()
    else:
        Py_DECREF(<object>outcome)


cdef inline PyObject *finished() noexcept:
    """What the body of a greenlet returns: None."""
    Py_INCREF(None)
    return <PyObject *>None
