from weft._core.greenlets cimport PyGreenlet
from weft._core.runqueue cimport Runnable, RunQueue
from weft._core.scope cimport Scope
from weft._core.waiting cimport Waiter

cdef enum State:
    NEW, READY, RUNNING, PARKED, ENDED


cdef class Fiber(Runnable):
    cdef RunQueue ready
    cdef PyGreenlet *greenlet
    cdef PyGreenlet *worker
    cdef void *frames
    cdef void *newer
    cdef void *older
    cdef Waiter waiter
    cdef readonly object reason
    cdef object pending
    cdef Scope scope
    cdef double limit
    cdef int countdown
    cdef unsigned char has_locals
    cdef unsigned char has_loop
    cdef unsigned short locks  # that it holds (budget.pxd); it fills a gap
    cdef object loop
    cdef object loop_task
    cdef void run(self) noexcept
    cdef void let_go(self) noexcept
    cdef int interrupt(self, object exception) except -1
    cdef int deliver(self, Waiter waiter) except -1
    cdef bint interrupted(self) noexcept
    cdef void give_up(self) noexcept
    cdef void resume(self) noexcept
    cdef void update(self) noexcept
    cdef void expire(self, double now) noexcept
    cdef void cancel_now(self) noexcept
