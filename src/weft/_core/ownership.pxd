cdef bint owned(int number)
