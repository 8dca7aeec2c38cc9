# cython: language_level=3, boundscheck=False, wraparound=False, binding=True
"""The task that runs: who it is, and how it lets others run."""

from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from weft._core.fiber cimport Fiber
from weft._core.greenlets cimport METH_FASTCALL, PyCFunction, PyCFunction_NewEx, PyMethodDef
from weft._core.scheduler cimport Scheduler
from weft._core.schedulers cimport get_scheduler
from weft._core.timers cimport sleep_length

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident()


cdef PyObject *sleep_call(PyObject *module, PyObject *const *words, Py_ssize_t count) except NULL:
    """``sleep`` as CPython calls it: a frame that lies under each task that sleeps, so little is alive in it."""
    cdef double seconds = sleep_length(words, count)  # in another module, so that its variables do not lie here
    if seconds == 0:
        get_scheduler().pause()
    else:
        get_scheduler().park(None, seconds, "sleep")
    Py_INCREF(None)
    return <PyObject *>None


cdef PyMethodDef sleep_definition
sleep_definition.ml_name = "sleep"
sleep_definition.ml_meth = <PyCFunction><void *>sleep_call
sleep_definition.ml_flags = METH_FASTCALL
sleep_definition.ml_doc = b"""sleep(seconds=0, /)
--

Park the current task for `seconds`; 0 lets the others run first.

Raises ValueError for a negative number, TypeError for what is not a number, as ``time.sleep`` does.
"""
sleep = PyCFunction_NewEx(&sleep_definition, NULL, __name__)


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
    cdef Fiber fiber = get_scheduler().current
    fiber.loop = loop
    fiber.has_loop = loop is not None
