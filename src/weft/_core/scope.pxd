cdef class Scope:
    cdef Scope outer
    cdef double limit
    cdef bint cancelled
    cdef bint expired
    cdef bint shielded
