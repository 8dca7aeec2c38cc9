# cython: language_level=3, boundscheck=False, wraparound=False, binding=True
"""A task: one virtual thread, with the interface of ``concurrent.futures.Future`` where it applies.

Invariants:
- A task that has not run has no stack; it is a callable and its arguments, in the run queue.
- ``ended`` is set once, after ``value`` or ``error``; then joiners are woken, then callbacks run, in the task itself.
- An error that nobody has asked for when the task is dropped is reported once, as ``threading`` reports a thread's.
- SystemExit and KeyboardInterrupt go to the main task as well.
"""

from cpython.object cimport PyObject
from weft._core.greenlets cimport PyExc_GreenletExit, PyGreenlet_Import
from weft._core.scheduler cimport NEW, PARKED, READY, RUNNING, Fiber, Scheduler, get_scheduler, seconds
from weft._core.timers cimport monotonic
from weft._core.waiting cimport WaitQueue

import sys

from weft._core.errors import Cancelled
from weft._core.scheduler import set_main_type

cdef extern from "Python.h":
    object PyContext_CopyCurrent()
    int PyContext_Enter(object context) except -1
    int PyContext_Exit(object context) except -1
    object PyObject_Call(object fn, object args, PyObject *kwargs)
    Py_ssize_t Py_REFCNT(object o)
    unsigned long PyThread_get_thread_ident()

PyGreenlet_Import()

cdef unsigned long long counter = 0


cdef class Task(Fiber):
    """One virtual thread. ``weft.spawn`` makes it; there is no other way.

    The methods are those of ``concurrent.futures.Future``; ``join`` and ``name`` are those of ``threading.Thread``.
    """

    def __class_getitem__(cls, item):
        return cls

    @property
    def name(self) -> str:
        """For people: shown in reports and in a DeadlockError."""
        global counter
        if self.label is None:
            counter += 1
            self.label = f"Task-{counter} ({getattr(self.fn, '__name__', '?')})"
        return self.label

    @name.setter
    def name(self, value: str) -> None:
        self.label = str(value)

    def __repr__(self):
        if not self.ended:
            state = ("new", "ready", "running", "parked", "ended")[<int>self.state]
        elif self.cancelled():
            state = "cancelled"
        else:
            state = "finished" if self.error is None else f"failed: {self.error!r}"
        return f"<Task {self.name!r} {state}>"

    cdef int run(self) except -1:
        cdef object fn = self.fn
        cdef tuple args = self.args
        cdef dict kwargs = self.kwargs
        cdef bint leaves = False
        self.args = self.kwargs = None
        try:
            if self.cancelling:
                raise Cancelled
            PyContext_Enter(self.context)
            try:
                self.value = PyObject_Call(fn, args, NULL if kwargs is None else <PyObject *>kwargs)
            finally:
                PyContext_Exit(self.context)
        except (KeyboardInterrupt, SystemExit) as error:
            self.error = error
            self.asked = True
            self.scheduler.main.interrupt(error)
        except <object>PyExc_GreenletExit as error:
            self.error = Cancelled(*error.args)
        except BaseException as error:
            self.error = error
        fn = args = kwargs = None
        self.finish()
        return 0

    cdef int finish(self) except -1:
        """Tell everybody, and let go of what may run somebody's code when it is dropped."""
        if self.label is None and (self.error is not None or Py_REFCNT(self) > 2):
            self.name  # while the function is known
        self.fn = None
        self.ended = True
        if self.joiners is not None:
            self.joiners.wake_all()
        callbacks, self.callbacks = self.callbacks, None
        if callbacks is not None:
            for callback in callbacks:
                self.call(callback)
        self.context = None
        if Py_REFCNT(self) <= 2:  # the registry's and the scheduler's: nobody will ever ask
            self.report()
            self.value = self.error = None
        return 0

    def call(self, callback):
        try:
            callback(self)
        except Exception:
            import traceback

            print(f"Exception in a callback of {self!r}:", file=sys.stderr)
            traceback.print_exc()

    def report(self):
        """Print the error that nobody asked for."""
        if self.asked or self.error is None or isinstance(self.error, Cancelled):
            return
        self.asked = True
        try:
            import traceback

            stream = sys.stderr
            if stream is not None:
                lines = traceback.format_exception(self.error)
                stream.write(f"Exception in {self.name}:\n" + "".join(lines))
                stream.flush()
        except Exception:
            pass

    def __del__(self):
        if self.error is not None and not self.asked:
            self.report()

    cdef int wait_end(self, double timeout) except -1:
        """1 once the task has ended, 0 if `timeout` seconds passed before."""
        cdef Scheduler scheduler
        cdef double deadline
        if self.ended:
            return 1
        scheduler = get_scheduler()
        if scheduler.current is self:
            raise RuntimeError("cannot join current task")
        if timeout == 0:
            return 0
        if self.joiners is None:
            self.joiners = WaitQueue()
        scheduler.wait(self.joiners, timeout, self)
        return self.ended

    def join(self, timeout=None) -> bool:
        """Wait until the task has ended; True if it has, False if `timeout` seconds passed before.

        It neither returns nor raises what the task did: ``result`` does.
        """
        return self.wait_end(seconds(timeout)) == 1

    def result(self, timeout=None):
        """Wait for the task and return what it returned, or raise what it raised.

        `timeout`: seconds, None for as long as it takes. Raises TimeoutError, or ``concurrent.futures.CancelledError`` if the task was cancelled.
        """
        error = self.exception(timeout)
        if error is not None:
            try:
                raise error
            finally:
                error = None
        return self.value

    def exception(self, timeout=None):
        """Wait for the task and return what it raised, or None. Arguments and errors as for ``result``."""
        if not self.wait_end(seconds(timeout)):
            raise TimeoutError(f"{self.name} has not ended within {timeout} seconds")
        self.asked = True
        if isinstance(self.error, Cancelled):
            from concurrent.futures import CancelledError

            raise CancelledError(self.name)
        return self.error

    def done(self) -> bool:
        """True once the task has ended, in whatever way."""
        return self.ended

    def running(self) -> bool:
        """True between the task's start and its end."""
        return not self.ended and self.state != NEW

    def cancelled(self) -> bool:
        """True once the task has ended because it was cancelled."""
        return self.ended and isinstance(self.error, Cancelled)

    def cancel(self) -> bool:
        """Ask the task to end: ``weft.Cancelled`` is raised where it waits, and at each later wait. One that has not begun never begins.

        False if it has ended already. From any thread.
        """
        if self.ended:
            return False
        self.cancelling = True
        self.give_up()
        return True

    def add_done_callback(self, fn) -> None:
        """Call ``fn(task)`` when the task has ended (at once if it has). Errors of `fn` are printed, not raised."""
        if self.ended:
            self.asked = True
            self.call(fn)
        else:
            if self.callbacks is None:
                self.callbacks = []
            self.callbacks.append(fn)


def spawn(fn, /, *args, **kwargs):
    """Start ``fn(*args, **kwargs)`` as a task of this OS thread, in a copy of the caller's context; returns the Task.

    It begins when the caller waits for the first time.
    """
    cdef Task task
    cdef Scheduler scheduler = get_scheduler()
    if not callable(fn):
        raise TypeError(f"spawn takes a callable, not {fn!r}")
    task = Task.__new__(Task)
    task.fn = fn
    task.args = args
    task.kwargs = kwargs if kwargs else None
    task.context = PyContext_CopyCurrent()
    scheduler.adopt(task)
    scheduler.ready.push(task)
    return task


def sleep(seconds=0, /) -> None:
    """Park the current task for `seconds`; 0 lets the others run first.

    Raises ValueError for a negative number, TypeError for what is not a number, as ``time.sleep`` does.
    """
    cdef double duration = seconds
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


def joinall(tasks, timeout=None):
    """Wait until all `tasks` have ended, at most `timeout` seconds (None: as long as it takes). Returns the list of those that have."""
    cdef Task task
    cdef double limit = seconds(timeout)
    cdef double deadline = monotonic() + limit
    cdef double left = limit
    tasks = list(tasks)
    for task in tasks:
        if not task.ended:
            if limit >= 0:
                left = max(deadline - monotonic(), 0)
            task.wait_end(left)
    return [task for task in tasks if (<Task>task).ended]


def make_main():
    cdef Task task = Task.__new__(Task)
    task.label = "main"
    return task


set_main_type(make_main)
