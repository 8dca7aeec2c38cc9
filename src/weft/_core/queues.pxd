from weft._core.waiting cimport Waiter, WaitQueue


cdef class Store:
    cdef object items
    cdef WaitQueue getters
    cdef readonly bint is_shutdown
    cdef object __weakref__
    cdef int keep(self, object item) except -1
    cdef object fetch(self)
    cdef bint hand_over(self, object item) except -1
    cdef int refill(self) except -1
    cdef object found
    cdef bint prompt(self)
    cdef bint attempt(self) except -1
    cdef object claim(self)
    cdef object received(self, Waiter waiter)
    cdef object take(self, double seconds)


cdef class Queue(Store):
    cdef readonly Py_ssize_t maxsize
    cdef readonly Py_ssize_t unfinished_tasks
    cdef WaitQueue putters
    cdef WaitQueue joiners
    cdef bint accept(self, object item) except -1
    cdef int insert(self, object item, double seconds) except -1
