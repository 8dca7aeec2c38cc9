cdef object main_type
cdef object empty_task
cdef object find_deadlock
cdef object others_run
cdef object threads_left
cdef object forget_locals
cdef object set_heir
cdef object begin_child
cdef object leave_loop(object loop)
cdef void enter_loop(object loop, object task) noexcept
