from weft._core.waiting cimport Awaited


cdef class Lock(Awaited):
    cdef bint held
    cdef object holder
    cdef bint take(self, double seconds) except -1
    cdef int give(self) except -1


cdef class Event(Awaited):
    cdef bint flag
