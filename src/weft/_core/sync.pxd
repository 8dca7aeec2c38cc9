from weft._core.waiting cimport WaitQueue


cdef class Lock:
    cdef bint held
    cdef object holder
    cdef WaitQueue line
    cdef object __weakref__
    cdef bint take(self, double seconds) except -1
    cdef int give(self) except -1


cdef class Event:
    cdef bint flag
    cdef WaitQueue line
    cdef object __weakref__
