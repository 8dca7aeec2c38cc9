from weft._core.fiber cimport Fiber
from weft._core.waiting cimport Awaited


cdef class Lock(Awaited):
    cdef bint held  # somebody has it
    cdef Fiber holder  # the task that took it, or None
    # tasks that do not have it though they will release it, and how many times; mostly None
    cdef dict lost
    cdef int restore(self, bint wait) except -1
    cdef bint lacks(self) except -1
    cdef bint take(self, double seconds) except -1
    cdef void belong(self, Fiber fiber) noexcept
    cdef int give(self) except -1


cdef class Event(Awaited):
    cdef bint flag  # set
