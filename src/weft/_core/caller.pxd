cdef class Caller:
    cdef readonly object __wrapped__
