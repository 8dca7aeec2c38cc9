cdef class Scope:
    cdef Scope outer  # the one that it was entered in, or None
    cdef double limit  # the deadline; infinity for none
    cdef bint cancelled
    cdef bint expired  # cancelled by its deadline
    cdef bint shielded  # hides what is outside
