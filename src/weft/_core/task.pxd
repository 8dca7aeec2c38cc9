from cpython.object cimport PyObject
from weft._core.fiber cimport Fiber
from weft._core.waiting cimport WaitQueue


cdef class Task(Fiber):
    cdef object fn
    cdef tuple args
    cdef dict kwargs
    cdef object context
    cdef object label
    cdef object value
    cdef object error
    cdef object unseen
    cdef list callbacks
    cdef WaitQueue joiners
    cdef object __weakref__
    cdef bint enter(self) except -1
    cdef int conclude(self, PyObject *value) except -1
    cdef int fail(self) except -1
    cdef int ask(self) except -1
    cdef int finish(self) except -1
    cdef int drop_function(self) except -1
    cdef int give_back(self) except -1
    cdef int wait_end(self, double timeout) except -1
