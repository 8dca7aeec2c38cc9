# cython: language_level=3, boundscheck=False, wraparound=False, binding=True
"""The task that runs: who it is, and how it lets others run."""

cimport cython
from weft._core.scheduler cimport Scheduler
from weft._core.schedulers cimport get_scheduler

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident()

cdef object NOTHING = 0


@cython.binding(False)
def sleep(seconds=0, /) -> None:
    """Park the current task for `seconds`; 0 lets the others run first.

    Raises ValueError for a negative number, TypeError for what is not a number, as ``time.sleep`` does.
    """
    cdef double duration = 0 if seconds is NOTHING else seconds  # an int becomes a C double through a float object
    cdef Scheduler scheduler = get_scheduler()
    if duration == 0:
        scheduler.pause()
        return
    if not duration > 0:
        raise ValueError("sleep length must be non-negative" if duration < 0 else "Invalid value NaN (not a number)")
    scheduler.park(None, duration, "sleep")


def current_task():
    """The task that runs. Outside of any other it is the main task of the OS thread."""
    return get_scheduler().current


def get_ident() -> int:
    """A number that is the current task's alone: for the main task of a thread, that of the thread."""
    cdef Scheduler scheduler = get_scheduler()
    if scheduler.current is scheduler.main and not scheduler.forked:
        return PyThread_get_thread_ident()
    return <size_t><void *>scheduler.current


def is_main() -> bool:
    """True in the main task of an OS thread."""
    cdef Scheduler scheduler = get_scheduler()
    return scheduler.current is scheduler.main


def run_in_main(errand) -> None:
    """Let the main task of this OS thread call ``errand()``, soon: it need not be waiting. For signal handlers: the current task gives way."""
    cdef Scheduler scheduler = get_scheduler()
    scheduler.errands.append(errand)
    scheduler.main.signalled = True
    scheduler.main.resume()
    scheduler.give_way()


def give_way() -> None:
    """Let the others run first, as ``sleep(0)`` does, but raise nothing: a cancellation waits for the next wait."""
    get_scheduler().give_way()


def set_running_loop(loop) -> None:
    """The event loop of asyncio that runs in the current task; None for none."""
    get_scheduler().current.loop = loop
