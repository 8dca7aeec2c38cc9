from weft._core.scheduler cimport Scheduler

cdef Scheduler get_scheduler()
cdef Scheduler known_scheduler()
cdef list all_schedulers()
