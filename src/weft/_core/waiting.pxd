from weft._core.runqueue cimport Runnable, RunQueue


cdef class Waiter:
    cdef Runnable fiber
    cdef RunQueue ready
    cdef void *before
    cdef void *after
    cdef WaitQueue queue
    cdef object value
    cdef Waiter master
    cdef bint parked
    cdef bint woken
    cdef bint gone
    cdef bint dismissed
    cdef bint wake(self) noexcept
    cdef void leave(self) noexcept
    cdef void unlink(self) noexcept


cdef class WaitQueue:
    cdef void *head
    cdef void *tail
    cdef readonly Py_ssize_t size
    cdef void join(self, Waiter waiter) noexcept
    cdef Waiter take(self)
    cdef Waiter wake_first(self)
    cdef bint wake_one(self)
    cdef int wake_all(self) except -1
    cdef void wake_fiber(self, Runnable fiber) noexcept
    cdef void dismiss_all(self)
    cdef list tasks(self)


cdef class Awaited:
    cdef WaitQueue line
    cdef object __weakref__
