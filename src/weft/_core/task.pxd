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
    cdef str condition(self)
    cdef bint enter(self) noexcept
    cdef void conclude(self, PyObject *value) noexcept
    cdef void fail(self, object error) noexcept
    cdef int ask(self) except -1
    cdef void finish(self) noexcept
    cdef void tell(self) noexcept
    cdef void drop_function(self) noexcept
    cdef void drop_later(self) noexcept
    cdef int give_back(self) except -1
    cdef int wait_end(self, double timeout) except -1
