from weft._core.scheduler cimport Scheduler

cdef Scheduler get_scheduler()
cdef bint first_use() except -1
cdef list all_schedulers()
