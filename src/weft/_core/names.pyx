# cython: language_level=3
"""Names of foreign objects, for people, found without running any code of theirs.

The core names callables and objects while no task may run: in the deadlock report, and at the end of
a task. A ``__name__`` or ``__repr__`` of the program could raise, block or switch there. So only
fields of the interpreter's own types are read here.
"""

from cpython.object cimport PyObject
from weft._core.caller cimport Caller

cdef extern from "Python.h":
    ctypedef struct PyTypeObject:
        const char *tp_name
        unsigned long tp_flags
    ctypedef struct PyMethodDef:
        const char *ml_name
    ctypedef struct PyCFunctionObject:
        PyMethodDef *m_ml
    ctypedef struct PyFunctionObject:
        void *func_name
    enum: Py_TPFLAGS_HEAPTYPE
    PyTypeObject *Py_TYPE(object o)
    bint PyType_Check(object o)
    bint PyMethod_Check(object o)
    bint PyFunction_Check(object o)
    bint PyCFunction_Check(object o)
    PyObject *PyMethod_GET_FUNCTION(object method)
    object PyUnicode_FromObject(object text)


cdef str exact(object text):
    """Return `text`, an instance of str, as a plain str: a subclass may have code of its own."""
    return <str>PyUnicode_FromObject(text)


cdef str last_part(const char *dotted):
    return dotted.decode("utf-8", "replace").rpartition(".")[2]


cdef str name_of(object fn):
    """Return the name of a callable; for one of a type that the program made, the type's name."""
    while not PyFunction_Check(fn):
        if PyMethod_Check(fn):
            fn = <object>PyMethod_GET_FUNCTION(fn)
        elif isinstance(fn, Caller):
            fn = (<Caller>fn).__wrapped__
        elif PyCFunction_Check(fn):
            return (<PyCFunctionObject *><void *>fn).m_ml.ml_name.decode("utf-8", "replace")
        elif PyType_Check(fn):
            return last_part((<PyTypeObject *><void *>fn).tp_name)
        else:
            return last_part(Py_TYPE(fn).tp_name)
    return exact(<object>(<PyFunctionObject *><void *>fn).func_name)


cdef str describe(object thing):
    """Return a str as it is, the repr of an object of weft's own, and of another its type and address."""
    cdef PyTypeObject *kind = Py_TYPE(thing)
    if isinstance(thing, str):
        return exact(thing)
    if not kind.tp_flags & Py_TPFLAGS_HEAPTYPE and (kind.tp_name[:5] == b"weft." or kind.tp_name in texts):
        return repr(thing)
    return f"<{last_part(kind.tp_name)} object at {<size_t><void *>thing:#x}>"


def name(fn) -> str:
    """Return the name of a callable, without running any code of its own."""
    return name_of(fn)


def rename(kind: type, module: str, name: str) -> tuple:
    """Let a type say that it is ``module.name``; returns the module and the name that it had.

    A type of C keeps both in one text, which lives as long as the process.
    """
    cdef PyTypeObject *c_type = <PyTypeObject *><void *>kind
    before = (kind.__module__, kind.__qualname__)
    if c_type.tp_flags & Py_TPFLAGS_HEAPTYPE:
        kind.__module__, kind.__qualname__, kind.__name__ = module, name, name.rpartition(".")[2]
    else:
        text = f"{module}.{name}".encode()
        texts.setdefault(text, text)
        c_type.tp_name = <const char *><bytes>texts[text]
    return before


cdef dict texts = {}  # the names of types of C
