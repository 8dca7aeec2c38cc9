# cython: language_level=3, binding=True
"""Errors that nobody can be given: they are printed at most once, and raise nothing themselves.

Rules:
- A report that fails (``sys.stderr`` is closed, its ``write`` raises) is dropped. What it failed with goes to ``sys.unraisablehook``:
  it may be the error of a signal handler, which nobody else would ever see.
- Ctrl-C and SystemExit that strike during a report go to the main task of the thread; what
  ``sys.unraisablehook`` itself raises, the interpreter drops.
- While the interpreter ends, the module ``traceback`` may be out of reach; then the interpreter's own
  display prints the error.
- The kind of an error is found by its type alone: its ``__class__`` may be a property that raises.
"""

from cpython.object cimport PyObject
from weft._core.schedulers cimport get_scheduler

import sys

cdef extern from *:
    """
    #if PY_VERSION_HEX >= 0x030D0000
    static void weft_write_unraisable(const char *what, PyObject *where) {
        PyErr_FormatUnraisable("Exception ignored %s %R", what, where);
    }
    #else
    extern void _PyErr_WriteUnraisableMsg(const char *message, PyObject *object);
    static void weft_write_unraisable(const char *what, PyObject *where) {
        _PyErr_WriteUnraisableMsg(what, where);
    }
    #endif
    /* Print an error where no module can be imported any more. */
    static void weft_display(PyObject *head, PyObject *error) {
        PyObject *traceback = PyException_GetTraceback(error);
        PySys_FormatStderr("%U%c", head, 10);
        PyErr_Display((PyObject *)Py_TYPE(error), error, traceback);
        Py_XDECREF(traceback);
        PyErr_Clear();
    }
    """
    void weft_write_unraisable(const char *what, PyObject *where)
    void weft_display(PyObject *head, PyObject *error)

cdef extern from "Python.h":
    ctypedef struct PyTypeObject:
        pass
    bint PyObject_TypeCheck(object o, PyTypeObject *kind)
    void PyErr_SetObject(PyObject *kind, PyObject *error)


cdef bint is_a(object error, object kind) noexcept:
    """Return whether the type of `error` is the class `kind` or extends it. Runs no foreign code."""
    return PyObject_TypeCheck(error, <PyTypeObject *>kind)


cdef bint ends_program(object error) noexcept:
    """Give KeyboardInterrupt and SystemExit to the main task. Return whether `error` is one."""
    if not is_a(error, KeyboardInterrupt) and not is_a(error, SystemExit):
        return False
    get_scheduler().main.interrupt(error)
    return True


cdef void report(str head, object error) noexcept:
    """Print `head` and the traceback of `error`; give KeyboardInterrupt and SystemExit to the main task."""
    if ends_program(error):
        return
    try:
        try:
            import traceback
        except ImportError:  # the interpreter is about to end
            weft_display(<PyObject *>head, <PyObject *>error)
            return
        stream = sys.stderr
        if stream is not None:
            stream.write(head + "\n" + "".join(traceback.format_exception(error)))
            stream.flush()
    except BaseException as failure:
        if not ends_program(failure):
            tell(failure, "in the report", head)


cdef class Unseen:
    """An error that nobody has asked for yet. It is reported when it is dropped with its task.

    It is an object of its own, so that tasks which end well need no finalizer.
    """

    def __del__(self):
        if not self.asked and self.error is not None:
            self.asked = True
            report(f"Exception in {self.name}:", self.error)


cdef int tell(object error, str what, object where) except -1:
    """Call ``sys.unraisablehook`` as the interpreter does."""
    kind = type(error)
    told = what.encode()
    PyErr_SetObject(<PyObject *>kind, <PyObject *>error)
    weft_write_unraisable(told, <PyObject *>where)
    return 0


def write_unraisable(error, str what, where) -> None:
    """Report `error` as the interpreter does: "Exception ignored `what` `where`", by ``sys.unraisablehook``."""
    tell(error, what, where)
