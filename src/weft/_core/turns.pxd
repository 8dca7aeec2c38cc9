cdef const unsigned long *find_turns() noexcept
cdef void end_dropped(const unsigned long *turns, unsigned long *seen) noexcept
