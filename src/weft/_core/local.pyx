# cython: language_level=3, binding=True
"""Attributes that each task has for itself: ``threading.local``.

A local's attributes of a task live as long as both: they hang on the local, under the task's number, and go when the task is dropped.
A subclass's ``__init__`` runs once in each task that uses the local, with the arguments it was made with.
"""

from weft._core.schedulers cimport get_scheduler

import weakref

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

    cdef dict begin(self, object task):
        cdef dict attributes = {}
        cdef dict tasks = self.tasks
        cdef object key = id(task)

        def forget(_):
            tasks.pop(key, None)

        tasks[key] = (attributes, weakref.ref(task, forget))
        return attributes

    cdef dict attributes(self):
        task = get_scheduler().current
        found = self.tasks.get(id(task))
        if found is not None:
            return <dict>(<tuple>found)[0]
        attributes = self.begin(task)
        if type(self).__init__ is not object.__init__:
            type(self).__init__(self, *self.args, **self.kwargs)
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
