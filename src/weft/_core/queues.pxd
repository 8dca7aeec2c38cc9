from weft._core.source cimport Source
from weft._core.waiting cimport WaitQueue


cdef class Store(Source):
    cdef readonly bint is_shutdown  # nothing goes in any more
    cdef int keep(self, object item) except -1
    cdef object fetch(self)
    cdef int refill(self) except -1
    cdef object take(self, double seconds)
    cdef bint may_wait(self, double seconds) except -1


cdef class SimpleQueue(Store):
    pass


cdef class Queue(Store):
    cdef readonly Py_ssize_t maxsize  # items that it stores; 0 or less: any number
    cdef readonly Py_ssize_t unfinished_tasks  # items that went in and are not dealt with
    cdef WaitQueue putters  # tasks that wait for room; a waiter's value is its item
    cdef WaitQueue joiners  # tasks that wait until all is dealt with
    cdef int empty_out(self) except -1
    cdef bint accept(self, object item) except -1
    cdef int insert(self, object item, double seconds) except -1
