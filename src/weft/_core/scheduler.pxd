from cpython.object cimport PyObject
from weft._core.fiber cimport Fiber
from weft._core.greenlets cimport PyGreenlet
from weft._core.waiting cimport Waiter, WaitQueue
from weft._core.watch cimport Watch

cdef extern from *:
    bint unlikely(bint condition) noexcept


cdef class Scheduler(Watch):
    cdef void *state
    cdef object body
    cdef object base
    cdef object snapshot
    cdef const unsigned long *turns
    cdef unsigned long seen
    cdef Fiber current
    cdef Fiber starting
    cdef Fiber following
    cdef Waiter spare
    cdef list idle
    cdef list errands
    cdef object launcher
    cdef object creator
    cdef object ring
    cdef void *newest
    cdef unsigned long switches
    cdef unsigned long started
    cdef unsigned int spent  # of the budget of this turn (budget.pxd)
    cdef unsigned long asked  # the count of switches at the last turn's first question to the system
    cdef double asked_at  # when that question was asked
    cdef PyGreenlet *newborn
    cdef Py_ssize_t references
    cdef bint leaving
    cdef bint ending
    cdef int held
    cdef int unsettled  # forks and switches to workers that are under way: a wait would run the wrong fiber
    cdef readonly bint forked
    cdef int adopt(self, Fiber fiber) except -1
    cdef void release(self, Fiber fiber) noexcept
    cdef int settle(self, Waiter waiter) except -1
    cdef int park(self, Waiter waiter, double timeout, object reason) except -1
    cdef int pause(self) except -1
    cdef int give_way(self) except -1
    cdef int wait(self, WaitQueue queue, double timeout, object reason) except -1
    cdef Waiter take_waiter(self, WaitQueue queue)
    cdef void keep_waiter(self, Waiter waiter) noexcept
    cdef int set_timer(self, Fiber fiber, Waiter waiter, double until) except -1
    cdef int leave(self, Fiber fiber, bint again) noexcept
    cdef void put_back(self) noexcept
    cdef PyObject *enter_from_outside(self, Fiber fiber, PyObject *outcome) noexcept
    cdef PyGreenlet *home(self, Fiber fiber) noexcept
    cdef int choose(self, Fiber fiber, bint again) noexcept
    cdef bint choose_anyhow(self) noexcept
    cdef inline bint turned(self) noexcept:
        """Return whether another thread has run since the last ``end_dropped``."""
        return unlikely(self.turns[0] != self.seen)
    cdef PyGreenlet *where(self, Fiber fiber) noexcept
    cdef PyGreenlet *ask_greenlet(self, Fiber fiber, void *frames) noexcept
    cdef PyObject *switch(self) noexcept
    cdef PyGreenlet *take_idle(self) noexcept
    cdef void close(self) noexcept
    cdef bint tidy(self) except -1
    cdef int end_workers(self, list workers) except -1
    cdef int retire(self) except -1
    cdef void begin(self, PyGreenlet *worker) noexcept
    cdef bint conclude(self) noexcept
    cdef bint keep_idle(self, PyGreenlet *worker) noexcept
    cdef bint start_empty(self, PyGreenlet *worker) noexcept
    cdef int stay(self, Fiber fiber) noexcept
    cdef void launch(self) noexcept
    cdef PyObject *launch_worker(self) noexcept
    cdef int start(self, bint on_main_thread, object base) except -1
    cdef void refuse(self) noexcept

