from weft._core.waiting cimport WaitQueue

cdef enum Direction:
    READ = 1
    WRITE = 2


cdef class Descriptor:
    cdef readonly int number
    cdef unsigned int generation
    cdef bint registered
    cdef bint owned
    cdef bint drained
    cdef bint paused
    cdef Py_ssize_t expected
    cdef bint hung_up
    cdef bint closed
    cdef WaitQueue readers
    cdef WaitQueue writers
    cdef int refuse(self) except -1


cdef class Poller:
    cdef list table
    cdef readonly Py_ssize_t waiting
    cdef bint edge
    cdef unsigned int generations
    cdef Descriptor known(self, int number)
    cdef Descriptor find(self, int number)
    cdef Descriptor claim(self, int number)
    cdef int forget(self, int number) except -1
    cdef int arm(self, Descriptor descriptor, int direction) except -1
    cdef int disarm(self, Descriptor descriptor) except -1
    cdef int poll(self, double timeout) except -1
    cdef void happened(self, Descriptor descriptor, bint read, bint write, bint hung_up)
    cdef int open(self, int door) except -1
    cdef void close(self) noexcept


cdef bint is_ready(int number, short events)
cdef bint readable(int number)
cdef Poller make_poller()
