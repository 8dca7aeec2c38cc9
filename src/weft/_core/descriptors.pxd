from weft._core.poller cimport Descriptor
from weft._core.scheduler cimport Scheduler

cdef int claim(int number, bint owned) except -1
cdef int recognize(int number) except -1
cdef int forget(int number) except -1
cdef int ask_again() except -1
cdef int wait_descriptor(Scheduler scheduler, Descriptor descriptor, int direction, double timeout, bint trusting) except -1
cdef int number_of(object descriptor) except -1
