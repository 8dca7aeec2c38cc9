from weft._core.fiber cimport Fiber

cdef void forget_locals(Fiber fiber) noexcept
