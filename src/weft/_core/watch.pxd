from weft._core.fiber cimport Fiber
from weft._core.poller cimport Poller
from weft._core.runqueue cimport RunQueue
from weft._core.timers cimport TimerHeap


cdef class Watch:
    cdef RunQueue ready
    cdef TimerHeap timers
    cdef Poller poller
    cdef readonly Fiber main
    cdef bint listens
    cdef bint on_main_thread
    cdef int until_look
    cdef int interval
    cdef double looked
    cdef long tick
    cdef double doubt
    cdef bint tidy(self) except -1
    cdef int look(self, bint block) noexcept
    cdef int look_between(self) noexcept
    cdef int poll(self, bint block) except -1
    cdef int poll_held(self, bint block) except -1
    cdef double await_event(self) except -2
    cdef int jump(self, double when) except -1
    cdef int reopen(self) except -1
    cdef int listen(self) except -1
    cdef void deafen(self) noexcept


cdef void stop_listening() noexcept
