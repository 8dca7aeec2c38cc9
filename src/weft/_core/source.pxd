from weft._core.waiting cimport Waiter, WaitQueue


cdef class Source:
    cdef object items  # stored ones: a deque, or a heap in a list
    cdef object found  # between ``attempt`` and ``claim``: the item
    cdef WaitQueue takers  # tasks that wait for an item
    cdef object __weakref__
    cdef bint hand_over(self, object item) except -1
    cdef bint prompt(self)
    cdef bint attempt(self) except -1
    cdef object claim(self)
    cdef object exhausted(self)
    cdef object received(self, Waiter waiter)
    cdef bint await_item(self, double seconds) except -1
