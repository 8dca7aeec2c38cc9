cdef class Unseen:
    cdef str name
    cdef object error
    cdef bint asked

cdef bint is_a(object error, object kind) noexcept
cdef bint ends_program(object error) noexcept
cdef void report(str head, object error) noexcept
