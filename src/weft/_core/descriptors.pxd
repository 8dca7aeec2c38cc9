cdef int claim(int number, bint owned) except -1
cdef int forget(int number) except -1
