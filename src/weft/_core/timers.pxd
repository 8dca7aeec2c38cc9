from cpython.object cimport PyObject


cdef class Timer:
    cdef Py_ssize_t slot
    cdef void fire(self) noexcept
    cdef bint concerns(self, Timer fiber) noexcept


cdef struct Entry:
    double when
    unsigned long long order
    void *timer


cdef class TimerHeap:
    cdef Entry *entries
    cdef readonly Py_ssize_t size
    cdef Py_ssize_t capacity
    cdef unsigned long long order
    cdef int add(self, Timer timer, double when) except -1
    cdef void remove(self, Timer timer) noexcept
    cdef double first(self) noexcept
    cdef int move(self, Timer fiber, TimerHeap other) except -1
    cdef void fire_due(self, double now) noexcept
    cdef void rise(self, Py_ssize_t slot, Entry entry) noexcept
    cdef void sink(self, Py_ssize_t slot, Entry entry) noexcept


cdef double monotonic() noexcept nogil
cdef double real_monotonic() noexcept nogil
cdef bint is_virtual() noexcept nogil
cdef void advance(double when) noexcept nogil
cdef double patience() noexcept nogil
cdef double in_range(double value) except? -3
cdef double exact(object value) except? -3
cdef double number(object value, str name) except? -3
cdef double seconds(object timeout) except? -2
cdef double acquiring(bint blocking, object timeout) except? -2
cdef double waiting(object timeout) except? -2
cdef double lasting(object timeout) except? -2
cdef double queueing(bint block, object timeout) except? -2
cdef double queueing_exactly(bint block, object timeout) except? -2
cdef double time_left(double seconds, double *deadline) noexcept
cdef double sleep_length(PyObject *const *words, Py_ssize_t count) except -1
