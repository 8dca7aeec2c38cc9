"""What a fiber may do without a switch before the others have their turn."""

from weft._core.scheduler cimport Scheduler
from weft._core.schedulers cimport known_scheduler

cdef enum:
    TURN = 1024  # the budget of a turn; it is whole again after each switch
    LOCK = 1  # what a lock costs that is free
    CALL = 4  # a call that may wait for a descriptor
    VAIN = 64  # a call that was not to wait and found nothing
    PATIENCE = 16  # so many times the budget has a fiber that holds a lock


cdef inline bint overdue(Scheduler scheduler, unsigned int cost) noexcept:
    """Charge `cost`; return whether the budget is spent.

    A fiber that holds a lock has more: whoever runs meanwhile would come to wait for the lock, and the
    lock would then go from one waiter to the next for ever, each time by a switch.
    """
    scheduler.spent += cost
    return scheduler.spent >= TURN and (scheduler.current.locks == 0 or scheduler.spent >= PATIENCE * TURN)


cdef inline int charge(Scheduler scheduler, unsigned int cost) except -1:
    """Charge `cost`, and give way if the budget is spent."""
    return scheduler.give_way() if overdue(scheduler, cost) else 0


cdef inline int peek() except -1:
    """Charge for a state that was asked for, not waited for: a loop that asks again and again starves nobody.

    A thread that has no scheduler yet needs none for this.
    """
    cdef Scheduler scheduler = known_scheduler()
    return 0 if scheduler is None else charge(scheduler, LOCK)


cdef int question(Scheduler scheduler) except -1
