# cython: language_level=3, boundscheck=False, wraparound=False, binding=True
"""A task: one virtual thread, with the interface of ``concurrent.futures.Future`` where it applies.

Invariants:
- A task that has not run has no stack; it is a callable and its arguments, in the run queue.
- ``ended`` is set once, after ``value`` or ``error``; then joiners are woken, then callbacks run, in the task itself.
- An error that nobody has asked for when the task is dropped is reported once, as ``threading`` reports a thread's.
- Tasks that are spawned one after the other share one snapshot of their spawner's context; each makes its own copy when it begins.
- SystemExit and KeyboardInterrupt go to the main task as well.
- The cyclic collector does not look at a task before its end: until then the registry holds it, so it could find nothing to free. It looks at one
  that ended with something that may lie in a cycle.

Tried and dropped: a task begins in the context of the last one, if that left it as it was, instead of a new copy: spawn and join 0.293 us
instead of 0.277, because the interpreter keeps contexts of its own ready.
"""

from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from weft._core.fiber cimport NEW, Fiber
from weft._core.greenlets cimport (
    METH_FASTCALL,
    METH_KEYWORDS,
    PyCFunction,
    PyCFunction_NewEx,
    PyExc_GreenletExit,
    PyGreenlet_Import,
    PyMethodDef,
    raise_error,
)
from weft._core.scheduler cimport Scheduler
from weft._core.schedulers cimport get_scheduler
from weft._core.shells cimport keep_shells
from weft._core.timers cimport monotonic, seconds
from weft._core.waiting cimport WaitQueue

import sys

from weft._core.errors import Cancelled
from weft._core.hooks import set_main_type

cdef extern from "thread.h":
    bint weft_same_context(void *state, PyObject *snapshot)
    bint weft_context_fits(PyObject *first, PyObject *copy)

cdef extern from "Python.h":
    object PyContext_CopyCurrent()
    object PyContext_Copy(object context)
    PyObject *weft_copy_context "PyContext_Copy"(PyObject *context)
    int PyContext_Enter(object context) except -1
    int PyContext_Exit(object context)
    PyObject *PyObject_Call(PyObject *fn, PyObject *args, PyObject *kwargs)
    void PyErr_SetNone(object kind)
    void PyErr_SetObject(PyObject *kind, PyObject *error)
    bint PyCallable_Check(PyObject *o)
    bint PyFunction_Check(object o)
    ctypedef struct PyFunctionObject:
        PyObject *func_name
    bint PyObject_IS_GC(PyObject *o)
    void PyObject_GC_UnTrack(PyObject *o)
    void PyObject_GC_Track(PyObject *o)
    Py_ssize_t Py_REFCNT(object o)

cdef extern from *:
    """
    #if PY_VERSION_HEX >= 0x030D0000
    static void weft_write_unraisable(const char *what, PyObject *where) { PyErr_FormatUnraisable("Exception ignored %s %R", what, where); }
    #else
    extern void _PyErr_WriteUnraisableMsg(const char *message, PyObject *object);
    static void weft_write_unraisable(const char *what, PyObject *where) { _PyErr_WriteUnraisableMsg(what, where); }
    #endif
    """
    void weft_write_unraisable(const char *what, PyObject *where)

PyGreenlet_Import()

cdef unsigned long long counter = 0
cdef tuple EMPTY = ()


cdef class Unseen:
    """An error that nobody has asked for yet; reported when it is dropped with its task. An object of its own, so that no other task needs a finalizer."""

    cdef str name
    cdef object error
    cdef bint asked

    def __del__(self):
        if self.asked or self.error is None:
            return
        self.asked = True
        try:
            import traceback

            stream = sys.stderr
            if stream is not None:
                stream.write(f"Exception in {self.name}:\n" + "".join(traceback.format_exception(self.error)))
                stream.flush()
        except Exception:
            pass


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
            self.label = f"Task-{counter} ({self.fn if isinstance(self.fn, str) else getattr(self.fn, '__name__', type(self.fn).__name__)})"
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
        """Call the function. This frame lies under the task, so only `self` is alive in it across the call."""
        cdef PyObject *value = NULL
        if self.enter():
            value = PyObject_Call(<PyObject *>self.fn, <PyObject *>self.args, NULL if self.kwargs is None else <PyObject *>self.kwargs)
        return self.conclude(value)

    cdef bint enter(self) except -1:
        """Enter the task's own context; False with an error set if that cannot be, or if it was cancelled before it began."""
        cdef PyObject *own
        if self.cancelling:
            if self.slot >= 0:  # before its time, by another thread or with somebody to be told
                get_scheduler().timers.remove(self)
            self.context = None
            PyErr_SetNone(Cancelled)
            return False
        own = weft_copy_context(<PyObject *>self.context)
        if own == NULL:
            self.context = None
            return False
        self.context = <object>own
        Py_XDECREF(own)
        PyObject_GC_UnTrack(own)  # the task holds it until its end, as the registry holds the task
        PyContext_Enter(self.context)
        return True

    cdef int conclude(self, PyObject *value) except -1:
        """The function has returned `value`, a new reference, or left an error (NULL)."""
        if self.context is not None:
            PyObject_GC_Track(<PyObject *>self.context)
            if PyContext_Exit(self.context) < 0:
                Py_XDECREF(value)
                value = NULL
        if value == NULL:
            self.fail()
        else:
            self.value = <object>value
            Py_XDECREF(value)
        self.args = self.kwargs = None
        self.finish()
        return 0

    cdef int fail(self) except -1:
        """Keep the error that is set."""
        cdef Unseen unseen
        try:
            raise_error()
        except BaseException as error:
            error.__traceback__ = error.__traceback__.tb_next  # without this very line
            if isinstance(error, <object>PyExc_GreenletExit):
                self.error = Cancelled(*error.args)
                return 0
            self.error = error
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                get_scheduler().main.interrupt(error)
            elif not isinstance(error, Cancelled):
                unseen = Unseen()
                unseen.name = self.name
                unseen.error = error
                self.unseen = unseen
        return 0

    cdef int ask(self) except -1:
        """Somebody has seen how it ended."""
        if self.unseen is not None:
            (<Unseen>self.unseen).asked = True
            self.unseen = None
        return 0

    cdef int finish(self) except -1:
        """Tell everybody, and let go of what may run somebody's code when it is dropped."""
        self.drop_function()
        self.ended = True
        if self.joiners is not None:
            self.joiners.wake_all()
        callbacks, self.callbacks = self.callbacks, None
        if callbacks is not None:
            for callback in callbacks:
                self.call(callback)
        self.context = None
        if Py_REFCNT(self) <= 2:  # the registry's and the scheduler's: nobody will ever ask
            self.value = self.error = self.unseen = None
        elif self.error is not None or PyObject_IS_GC(<PyObject *>self.value):
            PyObject_GC_Track(<PyObject *>self)
        return 0

    cdef int drop_function(self) except -1:
        """Let go of the function, but for what it takes to name the task by, should anybody ask."""
        if self.label is not None:
            self.fn = None
        elif PyFunction_Check(self.fn):
            self.fn = <object>(<PyFunctionObject *><PyObject *>self.fn).func_name
        else:
            self.fn = type(self.fn)
        return 0

    def call(self, callback):
        try:
            callback(self)
        except (KeyboardInterrupt, SystemExit) as error:
            get_scheduler().main.interrupt(error)
        except BaseException:
            import traceback

            print(f"Exception in a callback of {self!r}:", file=sys.stderr)
            traceback.print_exc()

    cdef int wait_end(self, double timeout) except -1:
        """1 once the task has ended, 0 if `timeout` seconds passed before."""
        cdef Scheduler scheduler
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
        self.ask()
        if isinstance(self.error, Cancelled):
            from concurrent.futures import CancelledError

            raise CancelledError(self.name)
        return self.error

    def done(self) -> bool:
        """True once the task has ended, in whatever way."""
        return <bint>self.ended

    def running(self) -> bool:
        """True between the task's start and its end."""
        return not self.ended and self.state != NEW

    def cancelled(self) -> bool:
        """True once the task has ended because it was cancelled."""
        return <bint>self.ended and isinstance(self.error, Cancelled)

    def cancel(self) -> bool:
        """Ask the task to end: ``weft.Cancelled`` is raised where it waits, and at each later wait. One that has not begun never begins.

        A shielded scope that it is in holds it up. False if it has ended already. From any thread.
        """
        if self.ended:
            return False
        self.doomed = True
        if self.slot >= 0 and self.state == NEW:
            self.give_back()
        else:
            self.cancel_now()
        return True

    cdef int give_back(self) except -1:
        """It was to begin later, and never will: end it here, or where it belongs if somebody is to be told."""
        cdef Scheduler scheduler = get_scheduler()
        self.update()
        if self.ready is not scheduler.ready or self.callbacks is not None or self.joiners is not None:
            self.ready.push(self)
            return 0
        scheduler.timers.remove(self)
        self.error = CANCELLED_UNSTARTED
        self.drop_function()
        self.args = self.kwargs = self.context = None
        self.ended = True
        scheduler.release(self)
        return 0

    cdef void fire(self) noexcept:
        """The timer: of the wait, or of the beginning."""
        if self.state == NEW:
            self.ready.push(self)
        else:
            Fiber.fire(self)

    def add_done_callback(self, fn) -> None:
        """Call ``fn(task)`` when the task has ended (at once if it has). Errors of `fn` are printed, not raised."""
        if self.ended:
            self.ask()
            self.call(fn)
        else:
            if self.callbacks is None:
                self.callbacks = []
            self.callbacks.append(fn)


cdef object CANCELLED_UNSTARTED = Cancelled()


cdef bint fits():
    context = PyContext_CopyCurrent()
    copy = PyContext_Copy(context)
    return weft_context_fits(<PyObject *>context, <PyObject *>copy)


cdef bint known_layout = fits()


cdef Task make(const char *caller, Scheduler scheduler, PyObject *const *words, Py_ssize_t count, PyObject *names):
    """A task of `scheduler` that calls ``words[0]``: no tuple and no dictionary is made that the task does not keep."""
    cdef Task task
    cdef Py_ssize_t index
    if count < 1:
        raise TypeError(f"{caller.decode()}() takes a callable and its arguments")
    if not PyCallable_Check(words[0]):
        raise TypeError(f"{caller.decode()} takes a callable, not {<object>words[0]!r}")
    task = Task.__new__(Task)
    task.fn = <object>words[0]
    task.args = EMPTY if count == 1 else tuple([<object>words[index] for index in range(1, count)])
    if names != NULL:
        task.kwargs = {name: <object>words[count + index] for index, name in enumerate(<tuple><object>names)}
    if scheduler.snapshot is None or not known_layout or not weft_same_context(scheduler.state, <PyObject *>scheduler.snapshot):
        scheduler.snapshot = PyContext_CopyCurrent()
    task.context = scheduler.snapshot
    scheduler.adopt(task)
    return task


cdef PyObject *spawn_call(PyObject *module, PyObject *const *words, Py_ssize_t count, PyObject *names) except NULL:
    """``spawn`` as CPython calls it."""
    cdef Scheduler scheduler = get_scheduler()
    cdef Task task = make("spawn", scheduler, words, count, names)
    scheduler.ready.push(task)
    Py_INCREF(task)
    return <PyObject *>task


cdef PyObject *spawn_later_call(PyObject *module, PyObject *const *words, Py_ssize_t count, PyObject *names) except NULL:
    """``spawn_later`` as CPython calls it."""
    cdef Scheduler scheduler = get_scheduler()
    cdef Task task
    if count < 2:
        raise TypeError("spawn_later() takes a number of seconds, a callable and its arguments")
    cdef double delay = <object>words[0]
    if not delay >= 0:
        raise ValueError("spawn_later takes a number of seconds that is not negative")
    task = make("spawn_later", scheduler, words + 1, count - 1, names)
    try:
        scheduler.timers.add(task, monotonic() + delay)
    except:
        scheduler.release(task)
        raise
    Py_INCREF(task)
    return <PyObject *>task


cdef PyMethodDef spawn_definition
spawn_definition.ml_name = "spawn"
spawn_definition.ml_meth = <PyCFunction><void *>spawn_call
spawn_definition.ml_flags = METH_FASTCALL | METH_KEYWORDS
spawn_definition.ml_doc = b"""spawn(fn, /, *args, **kwargs)
--

Start ``fn(*args, **kwargs)`` as a task of this OS thread, in a copy of the caller's context; returns the Task.

It begins when the caller waits for the first time.
"""
spawn = PyCFunction_NewEx(&spawn_definition, NULL, __name__)

cdef PyMethodDef spawn_later_definition
spawn_later_definition.ml_name = "spawn_later"
spawn_later_definition.ml_meth = <PyCFunction><void *>spawn_later_call
spawn_later_definition.ml_flags = METH_FASTCALL | METH_KEYWORDS
spawn_later_definition.ml_doc = b"""spawn_later(seconds, fn, /, *args, **kwargs)
--

``spawn``, but the task begins only after `seconds` (a float, not negative); returns the Task.

``cancel()`` before then takes it back, and it never begins: a timer that costs next to nothing.
"""
spawn_later = PyCFunction_NewEx(&spawn_later_definition, NULL, __name__)


def home():
    """Where tasks of this OS thread live, for ``spawn_at``."""
    return get_scheduler()


def spawn_at(Scheduler scheduler not None, fn, *args, **kwargs):
    """``spawn``, but as a task of the thread whose ``home()`` is given: from any thread. RuntimeError if that thread has ended."""
    cdef Task task
    if scheduler.main is None:
        raise RuntimeError("the thread that was to run this task has ended")
    if not callable(fn):
        raise TypeError(f"spawn takes a callable, not {fn!r}")
    task = Task.__new__(Task)
    task.fn = fn
    task.args = args
    task.kwargs = kwargs
    task.context = PyContext_CopyCurrent()
    scheduler.adopt(task)
    scheduler.ready.push(task)
    return task


def write_unraisable(error, str what, where) -> None:
    """Report an error that nobody can be told of, as the interpreter does: "Exception ignored `what` `where`", through ``sys.unraisablehook``."""
    kind = type(error)
    told = what.encode()
    PyErr_SetObject(<PyObject *>kind, <PyObject *>error)
    weft_write_unraisable(told, <PyObject *>where)


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
    return tasks if limit < 0 else [task for task in tasks if (<Task>task).ended]


def make_main():
    cdef Task task = Task.__new__(Task)
    PyObject_GC_Track(<PyObject *>task)
    task.label = "main"
    return task


keep_shells(Task)
set_main_type(make_main)
