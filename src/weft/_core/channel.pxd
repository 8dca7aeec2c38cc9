from weft._core.source cimport Source
from weft._core.waiting cimport Waiter, WaitQueue


cdef class Channel(Source):
    cdef readonly Py_ssize_t capacity
    cdef readonly bint closed
    cdef WaitQueue senders
    cdef bint offer(self, object item) except -1
    cdef int sent(self, Waiter waiter) except -1
