cdef class Multi:
    cdef void *multi
    cdef object register
    cdef object modify
    cdef object unregister
    cdef int readable
    cdef int writable
    cdef dict owners
    cdef readonly set handles
    cdef public double deadline
    cdef object failure
    cdef int act(self, int number, int what) except -1
    cdef bint collect(self) except -1
    cdef void end(self) noexcept
