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
- ``run`` raises nothing. Whatever the function left, its outcome is the task's; what foreign code raises
  beside it (finalizers, callbacks, reports) is printed at most once.
- A task runs foreign code only while it is the current fiber: the function, finalizers of what it
  held, callbacks, reports. What is left of an ended task then runs none when it is dropped.

Tried and dropped: a task begins in the context of the last one, if that left it as it was, instead of a new copy: spawn and join 0.293 us
instead of 0.277, because the interpreter keeps contexts of its own ready.
"""

from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF, Py_XDECREF
from weft._core.budget cimport peek
from weft._core.fiber cimport NEW, Fiber
from weft._core.greenlets cimport (
    METH_FASTCALL,
    METH_KEYWORDS,
    PyCFunction,
    PyCFunction_NewEx,
    PyExc_GreenletExit,
    PyGreenlet_Import,
    PyMethodDef,
)
from weft._core.local cimport forget_locals
from weft._core.names cimport exact, name_of
from weft._core.reports cimport Unseen, ends_program, is_a, report
from weft._core.scheduler cimport Scheduler
from weft._core.schedulers cimport get_scheduler, known_scheduler
from weft._core.shells cimport keep_shells
from weft._core.timers cimport monotonic, seconds
from weft._core.waiting cimport WaitQueue

import sys

from weft._core.errors import Cancelled
from weft._core.hooks import set_heir_setter, set_task_types

cdef extern from "thread.h":
    PyObject *weft_take_error() noexcept
    bint weft_has_callbacks(PyObject *o) noexcept
    PyObject *weft_function_name(PyObject *fn) noexcept
    bint weft_same_context(void *state, PyObject *snapshot)
    bint weft_context_fits(PyObject *first, PyObject *copy)

cdef extern from "Python.h":
    object PyContext_CopyCurrent()
    object PyContext_Copy(object context)
    PyObject *weft_copy_context "PyContext_Copy"(PyObject *context)
    int PyContext_Enter(object context)
    int PyContext_Exit(object context)
    void PyErr_WriteUnraisable(PyObject *where)
    PyObject *PyObject_Call(PyObject *fn, PyObject *args, PyObject *kwargs)
    void PyErr_SetNone(object kind)
    bint PyCallable_Check(PyObject *o)
    bint PyObject_IS_GC(PyObject *o)
    bint PyObject_GC_IsTracked(object o)
    void PyObject_GC_UnTrack(PyObject *o)
    void PyObject_GC_Track(PyObject *o)
    Py_ssize_t Py_REFCNT(object o)

PyGreenlet_Import()

cdef unsigned long long counter = 0
cdef tuple EMPTY = ()


cdef class Task(Fiber):
    """One virtual thread. ``weft.spawn`` makes it; there is no other way.

    The methods are those of ``concurrent.futures.Future``; ``join`` and ``name`` are those of ``threading.Thread``.
    """

    def __init__(self):
        raise TypeError("tasks are made by weft.spawn")

    def __class_getitem__(cls, item):
        return cls

    @property
    def name(self) -> str:
        """For people: shown in reports and in a DeadlockError."""
        global counter
        if self.label is None:
            counter += 1
            fn = self.fn
            self.label = f"Task-{counter} ({fn if type(fn) is str else name_of(fn)})"
        return self.label

    @name.setter
    def name(self, value):
        self.label = exact(str(value))

    cdef str condition(self):
        """The task's state in a word."""
        if not self.ended:
            return ("new", "ready", "running", "parked", "ended")[<int>self.state]
        if self.error is None:
            return "finished"
        return "cancelled" if is_a(self.error, Cancelled) else "failed"

    def __repr__(self):
        state = self.condition()
        if state == "failed":
            try:
                state = f"failed: {self.error!r}"
            except Exception:  # its own fault
                state = f"failed: {name_of(type(self.error))}"
        return f"<Task {self.name!r} {state}>"

    cdef void run(self) noexcept:
        """Call the function. This frame lies under the task, so only `self` is alive in it across the call."""
        cdef PyObject *value = NULL
        if self.enter():
            value = PyObject_Call(<PyObject *>self.fn, <PyObject *>self.args, NULL if self.kwargs is None else <PyObject *>self.kwargs)
        self.conclude(value)

    cdef bint enter(self) noexcept:
        """Enter the task's own context; False with an error set if that cannot be, or if it was cancelled before it began."""
        cdef PyObject *own
        if self.cancelling:
            if self.slot >= 0:  # before its time, by another thread or with somebody to be told
                get_scheduler().timers.remove(self)
            self.context = None
            PyErr_SetNone(Cancelled)
            return False
        own = weft_copy_context(<PyObject *>self.context)
        if own == NULL or PyContext_Enter(<object>own) < 0:
            Py_XDECREF(own)
            self.context = None
            return False
        self.context = <object>own
        Py_XDECREF(own)
        PyObject_GC_UnTrack(own)  # the task holds it until its end, as the registry holds the task
        return True

    cdef void conclude(self, PyObject *value) noexcept:
        """The function has returned `value`, a new reference, or left an error (NULL)."""
        cdef PyObject *error = weft_take_error() if value == NULL else NULL
        if self.context is not None:
            PyObject_GC_Track(<PyObject *>self.context)
            if PyContext_Exit(self.context) < 0:  # the function entered another one and has not left it
                PyErr_WriteUnraisable(<PyObject *>self.context)
        if value == NULL:
            self.fail(<object>error)
            Py_XDECREF(error)
        else:
            self.value = <object>value
            Py_XDECREF(value)
        self.finish()

    cdef void fail(self, object error) noexcept:
        """Keep `error`; see to it that it is reported if nobody asks for it."""
        cdef Unseen unseen
        if is_a(error, <object>PyExc_GreenletExit):
            self.error = Cancelled(*BaseException.args.__get__(error))
            return
        self.error = error
        if ends_program(error) or is_a(error, Cancelled):
            return
        unseen = Unseen()
        unseen.name = self.name
        unseen.error = error
        self.unseen = unseen

    cdef int ask(self) except -1:
        """Somebody has seen how it ended."""
        if self.unseen is not None:
            (<Unseen>self.unseen).asked = True
            self.unseen = None
        return 0

    cdef void finish(self) noexcept:
        """Tell everybody, and let go of what may run somebody's code when it is dropped."""
        self.drop_function()
        # Finalizers may wait. A joiner may end the thread, and what waits there never goes on.
        if self.has_locals:
            forget_locals(self)
        self.ended = True
        if self.joiners is not None:
            self.joiners.wake_all()
        if self.callbacks is not None:
            self.tell()
        self.context = None
        if self.scope is not None or self.pending is not None or self.has_loop:
            self.scope = self.pending = self.loop = self.loop_task = None
            self.has_loop = False
        if <void *>self == heir:
            end_process(self)
        self.let_go()

    cdef void let_go(self) noexcept:
        if Py_REFCNT(self) <= 2:  # the registry's and the scheduler's: nobody will ever ask
            self.value = self.error = self.unseen = None
            if weft_has_callbacks(<PyObject *>self) and Py_REFCNT(self) <= 2:
                self.drop_later()
        elif (self.error is not None or PyObject_IS_GC(<PyObject *>self.value)) and not PyObject_GC_IsTracked(self):
            PyObject_GC_Track(<PyObject *>self)

    cdef void tell(self) noexcept:
        """Run the callbacks, and drop what they have set in locals."""
        callbacks, self.callbacks = self.callbacks, None
        for callback in callbacks:
            self.call(callback)
        callbacks = callback = None
        if self.has_locals:
            forget_locals(self)

    cdef void drop_function(self) noexcept:
        """Let go of the function and its arguments, but for the name, should anybody ask for it."""
        cdef PyObject *name
        if self.fn is not None:
            name = NULL if self.label is not None else weft_function_name(<PyObject *>self.fn)
            if name != NULL:
                self.fn = <object>name
            else:
                self.fn = name_of(self.fn) if self.label is None else None
        self.args = self.kwargs = None

    cdef void drop_later(self) noexcept:
        """Let another task drop this one: the callbacks of its weak references may run any code."""
        cdef Task task = new_task(get_scheduler(), discard)
        task.args = (self,)
        task.ready.push(task)

    def call(self, callback):
        try:
            callback(self)
        except BaseException as error:
            report(f"Exception in a callback of <Task {self.name!r} {self.condition()}>:", error)

    cdef int wait_end(self, double timeout) except -1:
        """1 once the task has ended, 0 if `timeout` seconds passed before."""
        cdef Scheduler scheduler
        if self.ended:
            peek()
            return 1
        scheduler = get_scheduler()
        if scheduler.current is self:
            raise RuntimeError("cannot join current task")
        if timeout == 0:
            return 0
        if self.joiners is None:
            self.joiners = WaitQueue()
        if self.ended:  # meanwhile: a thread's first scheduler takes a while to make
            return 1
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
        if is_a(self.error, Cancelled):
            from concurrent.futures import CancelledError

            raise CancelledError(self.name)
        return self.error

    def done(self) -> bool:
        """True once the task has ended, in whatever way."""
        peek()
        return <bint>self.ended

    def running(self) -> bool:
        """True between the task's start and its end."""
        peek()
        return not self.ended and self.state != NEW

    def cancelled(self) -> bool:
        """True once the task has ended because it was cancelled."""
        return <bint>self.ended and is_a(self.error, Cancelled)

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
        """It was to begin later, and never will: end it here, or where it belongs if somebody is to be told.

        No scheduler is made here: others would run meanwhile and might end the task.
        """
        cdef Scheduler scheduler = known_scheduler()
        self.update()
        if self.queued:  # another thread has cancelled it: it ends in its turn
            return 0
        if (
            scheduler is None
            or self.ready is not scheduler.ready
            or self.callbacks is not None
            or self.joiners is not None
        ):
            self.ready.push(self)
            return 0
        scheduler.timers.remove(self)
        self.error = CANCELLED_UNSTARTED
        self.ended = True
        scheduler.release(self)
        self.drop_function()  # last: it may run foreign code, which may do anything to this task
        self.context = None
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


cdef Task new_task(Scheduler scheduler, object fn):
    """A task that calls `fn`, in the registry but not in the run queue."""
    cdef Task task = Task.__new__(Task)
    task.fn = fn
    task.args = EMPTY
    task.context = PyContext_CopyCurrent()
    scheduler.adopt(task)
    return task


def discard(_) -> None:
    """Do nothing. The task that calls this drops its argument."""


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
    task = new_task(scheduler, fn)
    task.args = args
    task.kwargs = kwargs
    scheduler.ready.push(task)
    return task


def joinall(tasks, timeout=None):
    """Wait until all `tasks` have ended, at most `timeout` seconds (None: as long as it takes). Returns the list of those that have."""
    cdef Task task
    cdef double limit = seconds(timeout)
    cdef double deadline = monotonic() + limit
    cdef double left = limit
    cdef list given = list(tasks)
    for each in given:
        if not isinstance(each, Task):
            raise TypeError(f"joinall takes tasks, not {each!r}")
    for each in given:
        task = <Task>each
        if not task.ended:
            if limit >= 0:
                left = max(deadline - monotonic(), 0)
            task.wait_end(left)
    return given if limit < 0 else [each for each in given if (<Task>each).ended]


def make_main():
    cdef Task task = Task.__new__(Task)
    PyObject_GC_Track(<PyObject *>task)
    task.label = "main"
    return task


def make_empty(Scheduler scheduler not None):
    cdef Task task = new_task(scheduler, discard)
    task.args = (None,)
    return task


cdef void *heir = NULL  # the task that forked this process, if it was not the main one


def inherit(Task task not None) -> None:
    """Let the process end with `task`: it forked, and this is the child."""
    global heir
    heir = <void *>task


cdef void end_process(Task task) noexcept:
    """End the child as the interpreter ends with its main thread: by the status that the outcome asks for."""
    from weft._core.forked import end

    end(task.error)


keep_shells(Task)
set_task_types(make_main, make_empty)
set_heir_setter(inherit)
