from weft._core.scheduler cimport Scheduler

cdef int be_fair(Scheduler scheduler) except -1
