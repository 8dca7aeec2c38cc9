from weft._core.timers cimport Timer


cdef class Runnable(Timer):
    cdef void *following
    cdef unsigned char queued
    cdef unsigned char state  # from here on a fiber's: together they fill one word, and a task is 256 bytes with what the collector adds
    cdef unsigned char doomed
    cdef unsigned char cancelling
    cdef unsigned char signalled
    cdef unsigned char ended
    cdef unsigned short shields


cdef class RunQueue:
    cdef void *head
    cdef void *tail
    cdef readonly Py_ssize_t size
    cdef int inner  # the end of the door that the poller watches, or -1
    cdef int outer  # the end that rings, or -1
    cdef unsigned long long device  # with ``inode``: the pipe that the door is
    cdef unsigned long long inode
    cdef bint asleep
    cdef bint abandoned  # nobody runs what is in it: the thread has ended, or this is a child of its process
    cdef unsigned long long seed
    cdef readonly unsigned long long steps
    cdef void push(self, Runnable runnable) noexcept
    cdef Runnable pop(self)
    cdef void remove(self, Runnable runnable) noexcept
    cdef int open(self) except -1
    cdef void close(self) noexcept
    cdef bint is_door(self, int number) noexcept
    cdef bint intact(self) noexcept
    cdef bint uses(self, int low, int high) noexcept
    cdef void shuffle(self) noexcept
    cdef void ring(self) noexcept
    cdef bint drain(self) noexcept
