from weft._core.poller cimport Descriptor
from weft._core.scheduler cimport Scheduler

cdef int fail() except -1
cdef int time_out() except -1
cdef int refuse_wait() except -1
cdef double own_limit(object sock, Descriptor descriptor, int direction, double *deadline) except -2
cdef double system_limit(int number, Descriptor descriptor, int direction, double *deadline) except -2
cdef bint awaits_urgent(object sock, int error) except -1
cdef bint waits(object sock, int flags) noexcept
cdef bint waits_for_all(object sock, int flags) noexcept
cdef double remaining(object sock, double *deadline) except -2
cdef Descriptor stream(Scheduler scheduler, object sock, int flags)
cdef Py_ssize_t attempt(object sock, Descriptor descriptor, char *buffer, Py_ssize_t size, int flags) except -2
cdef object attempt_bytes(object sock, Descriptor descriptor, Py_ssize_t size, int flags)
cdef object at_once(object sock, object method, tuple args, bint flagged)
