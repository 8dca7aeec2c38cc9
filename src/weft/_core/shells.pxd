cdef Py_ssize_t kept
cdef void give_back(Py_ssize_t count) noexcept
cdef int keep_shells(object kind) except -1
