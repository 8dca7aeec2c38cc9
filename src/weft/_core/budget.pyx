# cython: language_level=3, boundscheck=False, wraparound=False, binding=True
"""The cooperative budget: a fiber that makes call after call and never waits starves nobody.

Rules:
- A call that need not wait charges what it costs (budget.pxd). With the budget spent, it gives way.
- A question to the system (``poll(0)``, a read of an empty non-blocking socket) also gives way once
  ``QUESTIONS`` seconds have passed since the first one of the turn. An event loop, which asks once
  in each of its rounds, then has no longer turns than others.
- A fiber that holds a lock has a larger budget (``overdue``). Measured, for a pool that asks each of
  its connections under a lock: 200 tasks that share 40 connections of an httpx client take 5.7 s;
  28 s if they give way as others do; threads 4.3 s.
"""

from weft._core.scheduler cimport Scheduler
from weft._core.schedulers cimport get_scheduler
from weft._core.timers cimport real_monotonic

cdef double QUESTIONS = 0.0005  # seconds


cdef int question(Scheduler scheduler) except -1:
    """Charge for a question to the system that was answered at once."""
    cdef double now = real_monotonic()
    if scheduler.asked != scheduler.switches:  # the first one of this turn
        scheduler.asked = scheduler.switches
        scheduler.asked_at = now
    elif now - scheduler.asked_at >= (QUESTIONS if scheduler.current.locks == 0 else PATIENCE * QUESTIONS):
        return scheduler.give_way()
    return charge(scheduler, CALL)


def charge_question() -> None:
    """Charge for a question to the system that was answered at once; give way if the budget is spent."""
    question(get_scheduler())


def charge_peek() -> None:
    """Charge for a state that was asked for, not waited for; give way if the budget is spent."""
    peek()
