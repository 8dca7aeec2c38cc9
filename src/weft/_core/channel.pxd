from weft._core.source cimport Source
from weft._core.waiting cimport Waiter, WaitQueue


cdef class Channel(Source):
    cdef readonly Py_ssize_t capacity  # items that it stores
    cdef readonly bint closed  # nothing goes in any more
    # tasks that wait for room, or for a receiver; a waiter's value is its item
    cdef WaitQueue senders
    cdef bint offer(self, object item) except -1
    cdef int sent(self, Waiter waiter) except -1
