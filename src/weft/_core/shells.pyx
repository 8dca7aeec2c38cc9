# cython: language_level=3, boundscheck=False, wraparound=False
"""Shells: the memory of tasks that have ended, kept for the next ones.

The interpreter's allocator gives memory back to the system as soon as a whole piece of it is free, and takes it again for the next burst of tasks:
0.15 us a task were page faults (spawn and join of 100,000 on 3.13).

Invariants:
- A shell is dead: whatever the object held is gone, and the collector does not know it. Its first word is the next shell.
- Who waits for nothing to do gives the shells back but for a thousand, a few at a time, as it does with idle workers: bursts that follow each other share.
- In development mode none is kept, so that the interpreter's debug hooks see a use after the end.
- The interpreter's lock guards the list: objects are made and freed under it, in any thread.
"""

from cpython.object cimport PyObject
from libc.string cimport memset

import sys

cdef extern from "Python.h":
    ctypedef struct PyTypeObject:
        Py_ssize_t tp_basicsize
        PyObject *(*tp_alloc)(PyTypeObject *, Py_ssize_t) noexcept
        void (*tp_free)(void *) noexcept
    PyObject *PyType_GenericAlloc(PyTypeObject *kind, Py_ssize_t items)
    PyObject *PyObject_Init(PyObject *memory, PyTypeObject *kind)
    PyTypeObject *Py_TYPE(PyObject *memory)
    void PyObject_GC_UnTrack(PyObject *memory)
    void PyObject_GC_Del(void *memory)

cdef PyTypeObject *owner = NULL  # whose objects leave shells
cdef void *shells = NULL
cdef bint reused = not sys.flags.dev_mode


cdef void *pop() noexcept:
    """A shell, or NULL."""
    global shells, kept
    cdef void *memory = shells
    if memory != NULL:
        shells = (<void **>memory)[0]
        kept -= 1
    return memory


cdef PyObject *put_on(PyTypeObject *kind, Py_ssize_t items) noexcept:
    """A new object, in a shell if there is one; types that extend the owner, and inherit this, have other sizes."""
    cdef PyObject *memory = <PyObject *>pop() if kind == owner else NULL
    if memory != NULL:
        memset(memory, 0, kind.tp_basicsize)
        return PyObject_Init(memory, kind)
    memory = PyType_GenericAlloc(kind, items)
    if memory != NULL and kind == owner:
        PyObject_GC_UnTrack(memory)
    return memory


cdef void take_off(void *memory) noexcept:
    """An object is no more; its shell stays."""
    global shells, kept
    if not reused or Py_TYPE(<PyObject *>memory) != owner:
        PyObject_GC_Del(memory)
        return
    (<void **>memory)[0] = shells
    shells = memory
    kept += 1


cdef void give_back(Py_ssize_t count) noexcept:
    """Free so many shells."""
    cdef void *memory
    while count > 0:
        memory = pop()
        if memory == NULL:
            return
        PyObject_GC_Del(memory)
        count -= 1


cdef int keep_shells(object kind) except -1:
    """From now on the objects of exactly this type, one that the collector knows, leave shells, and a new one is not tracked: who makes it decides."""
    global owner
    owner = <PyTypeObject *>kind
    owner.tp_alloc = put_on
    owner.tp_free = take_off
    return 0
