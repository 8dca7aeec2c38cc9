from weft._core.source cimport Source
from weft._core.waiting cimport WaitQueue


cdef class Store(Source):
    cdef readonly bint is_shutdown
    cdef int keep(self, object item) except -1
    cdef object fetch(self)
    cdef int refill(self) except -1
    cdef object take(self, double seconds)


cdef class Queue(Store):
    cdef readonly Py_ssize_t maxsize
    cdef readonly Py_ssize_t unfinished_tasks
    cdef WaitQueue putters
    cdef WaitQueue joiners
    cdef bint accept(self, object item) except -1
    cdef int insert(self, object item, double seconds) except -1
