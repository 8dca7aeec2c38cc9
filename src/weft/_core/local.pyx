# cython: language_level=3, binding=True
"""Attributes that each task has for itself: ``threading.local``.

Invariants:
- A local holds a task's attributes under the task's number (its address), from the first use until the
  task ends, or the local goes. A task that has some is marked (``has_locals``).
- A task's end drops them while the task is still the current fiber: finalizers may wait there.
- A task's number may become another's, so no attributes outlive their task.
- A subclass's ``__init__`` runs once in each task that uses the local, with the arguments it was made with.
"""

from weft._core.fiber cimport Fiber
from weft._core.schedulers cimport get_scheduler

import weakref

from weft._core.hooks import set_locals_dropper

cdef dict users = {}  # by a task's number: the locals that hold attributes of it, by theirs
cdef enum: ROUNDS = 100  # a finalizer may set attributes anew; so often they are dropped again

cdef extern from "Python.h":
    object _PyObject_GenericGetAttrWithDict(object self, object name, object attributes, int suppress)
    int _PyObject_GenericSetAttrWithDict(object self, object name, object value, object attributes) except -1


cdef extern from *:
    """
    static int weft_delete(PyObject *self, PyObject *name, PyObject *attributes) {
        return _PyObject_GenericSetAttrWithDict(self, name, NULL, attributes);
    }
    """
    int weft_delete(object self, object name, object attributes) except -1


cdef class local:
    """Attributes that each task has for itself, as ``threading.local`` has them for each thread."""

    cdef dict tasks
    cdef tuple args
    cdef dict kwargs
    cdef object __weakref__

    def __cinit__(self, *args, **kwargs):
        if (args or kwargs) and type(self).__init__ is object.__init__:
            raise TypeError("Initialization arguments are not supported")
        self.tasks = {}
        self.args = args
        self.kwargs = kwargs
        self.begin(get_scheduler().current)

    cdef dict begin(self, Fiber task):
        cdef dict attributes = {}
        cdef object key = <size_t><void *>task, own = <size_t><void *>self
        cdef dict known = users.setdefault(key, {})

        def forget(_):
            known.pop(own, None)

        known[own] = weakref.ref(self, forget)
        task.has_locals = True
        self.tasks[key] = attributes
        return attributes

    cdef dict attributes(self):
        cdef Fiber task = get_scheduler().current
        found = self.tasks.get(<size_t><void *>task)
        if found is not None:
            return <dict>found
        attributes = self.begin(task)
        if type(self).__init__ is not object.__init__:
            try:
                type(self).__init__(self, *self.args, **self.kwargs)
            except BaseException:
                self.tasks.pop(<size_t><void *>task, None)  # the next use tries again
                raise
        return attributes

    def __getattribute__(self, name):
        attributes = self.attributes()
        if name == "__dict__":
            return attributes
        return _PyObject_GenericGetAttrWithDict(self, name, attributes, 0)

    def __setattr__(self, name, value):
        if name == "__dict__":
            raise AttributeError(f"{type(self).__name__!r} object attribute '__dict__' is read-only")
        _PyObject_GenericSetAttrWithDict(self, name, value, self.attributes())

    def __delattr__(self, name):
        if name == "__dict__":
            raise AttributeError(f"{type(self).__name__!r} object attribute '__dict__' is read-only")
        weft_delete(self, name, self.attributes())


cdef void forget_locals(Fiber fiber) noexcept:
    """Drop the attributes of `fiber`, which is about to end and is still the current one."""
    cdef object key = <size_t><void *>fiber
    cdef local holder
    cdef int left = ROUNDS
    while fiber.has_locals and left:
        left -= 1
        fiber.has_locals = False
        for reference in list(users.pop(key, {}).values()):
            holder = reference()
            if holder is not None:
                holder.tasks.pop(key, None)


def drop_locals(Fiber fiber not None) -> None:
    """Drop the attributes of `fiber`, which is about to end."""
    forget_locals(fiber)


set_locals_dropper(drop_locals)
