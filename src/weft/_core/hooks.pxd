cdef object main_type
cdef object find_deadlock
cdef object others_run
cdef void set_loop(object loop) noexcept
