cdef object accept_now(object sock, bint exclusive, double *deadline)
cpdef object share()
