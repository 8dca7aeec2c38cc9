from weft._core.fiber cimport Fiber
from weft._core.waiting cimport Waiter

cdef int run_handlers(list errands, Fiber fiber, Waiter waiter) except -1
