from weft._core.waiting cimport Waiter, WaitQueue


cdef class Channel:
    cdef object items
    cdef readonly Py_ssize_t capacity
    cdef readonly bint closed
    cdef WaitQueue senders
    cdef WaitQueue receivers
    cdef object __weakref__
    cdef bint offer(self, object item) except -1
    cdef object found
    cdef bint attempt(self) except -1
    cdef object claim(self)
    cdef object received(self, Waiter waiter)
    cdef int sent(self, Waiter waiter) except -1
