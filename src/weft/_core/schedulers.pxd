from weft._core.scheduler cimport Scheduler

cdef Scheduler get_scheduler()
cdef list all_schedulers()
