# cython: language_level=3, boundscheck=False, wraparound=False
"""The scheduler: whoever blocks runs it.

There is no hub that every switch passes through. ``park`` takes the next runnable fiber and switches straight to it; with none
it polls in place; when the first event is its own, it returns without a switch.

Invariants:
- One scheduler an OS thread; only its thread touches anything here but ``ready``, which is the door for everybody else.
- ``current`` is the fiber that runs. Only ``park``, ``pause`` and a worker between two fibers replace it, in the step before a switch.
- A fiber that is not an ended one is in the registry (``newest``, ``older``), which owns it. A parked or unstarted one owns nothing of the thread.
- A greenlet is remembered where it parked (a fiber may run greenlets of its own), and forgotten when it goes on.
- Only the launcher, which lies at the base, starts workers. Those too many in the idle list are ended when nobody can run, not before: bursts
  of tasks that follow each other share theirs (a task in a group of 10,000: 3.9 us, and 15.9 when each burst made its own).
- Workers begin at two depths of the stack, in turn: between two that alternate, greenlet then copies one stack where it would copy two (a yield 0.38 us
  without, 0.32 with; a raw switch from Python 0.32).
- Signal handlers run on the main fiber's stack, at its ``park``, and may park there themselves; if it but gave way (to take a lock, say), then in
  the interpreter's next step, as if it had been running: raised in between, they would leave a lock that is half taken.
- The cyclic collector does not look at workers: they hold themselves while they run, so it could free none (300,000 parked: 4.9 s with, 2.4 s without).
- Nothing that runs user code is dropped while no fiber is current: a fiber drops what it holds inside ``run``. Before 3.12 the collector
  is held off there, too.
- An error that nobody runs to take (the poller's, between two fibers) goes to the main fiber. Workers and the launcher never end by one.
- A worker that somebody else knows when its fiber has ended (a raw greenlet has it as its parent) is not used again. It ends, and
  what was meant for it goes to its parent, the launcher.
- What enters the launcher, an idle worker or a parked fiber without a wake comes from a raw greenlet of the current fiber. A value is
  passed on to the current fiber. An exception in a parked fiber is raised there (``greenlet.throw``), and the current fiber runs later.
- A fiber that only yields is queued after the look at the poller: who is due runs before it.
- A greenlet that was dropped on another thread is ended by greenlet in the next call of its own thread, and its clean-up may wait. So whenever
  another thread has run (``turned``), greenlet is called while the current fiber may still wait, and not only in the switch.

Tried and dropped: a callback queue beside the run queue (nothing needed it), an eventfd as door (a signal cannot ring it), to prefetch the memory of
the next four fibers and of their greenlets, frames and descriptors (an echo over 5,000 connections: 0.98 of the time; 100,000 woken: 1.00).
"""

cimport cython
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_XDECREF
from libc.math cimport INFINITY
from weft._core cimport shells
from weft._core.fiber cimport ENDED, NEW, PARKED, READY, RUNNING, Fiber
from weft._core.greenlets cimport (
    METH_NOARGS,
    PyCFunction_GET_SELF,
    PyCFunction_NewEx,
    PyCFunctionObject,
    PyGreenlet,
    PyGreenlet_GetCurrent,
    PyGreenlet_Import,
    PyExc_GreenletExit,
    PyMethodDef,
    PyGreenlet_SetParent,
    PyGreenlet_Throw,
    checked,
    drop,
    finished,
    new_greenlet,
    pass_on,
    weft_current_greenlet,
    weft_new_greenlet,
    weft_switch,
)
from weft._core.handlers cimport run_handlers
from weft._core.hooks cimport begin_child, empty_task, enter_loop, leave_loop, main_type
from weft._core.timers cimport monotonic
from weft._core.turns cimport end_dropped, find_turns
from weft._core.waiting cimport Waiter, WaitQueue
from weft._core.watch cimport Watch

cdef extern from "thread.h":
    PyObject *weft_take_error() noexcept
    int weft_hold_collector() noexcept
    void weft_free_collector(int held) noexcept
    void weft_end_of_stack() noexcept
    bint weft_ticked(long *last) noexcept
    void weft_reset_recursion()
    void *PyThreadState_Get()
    void *weft_frames(void *state)
    bint weft_first(void *frames)
    PyObject *weft_lower(PyObject *(*run)(void *) noexcept, void *argument, size_t size) noexcept

cdef extern from "Python.h":
    void PyErr_Clear() noexcept
    int PyList_Append(list items, object item) noexcept
    int Py_AddPendingCall(int (*function)(void *) except -1, void *argument)
    void PyObject_GC_UnTrack(PyObject *o)
    Py_ssize_t Py_REFCNT(object o)

PyGreenlet_Import()

cdef enum:
    STEP = 8192  # bytes: every other worker begins so much further down, and two that alternate copy one stack instead of two
    IDLE = 1024  # workers kept for the next tasks when nobody can run, 16 KiB of address space and about 6 KB of memory each; and shells, 256 bytes each
    SLICE = 64  # of those too many, how many are ended between two looks at the poller


cdef PyObject *work(PyObject *body, PyObject *const *words, size_t count, PyObject *names) noexcept:
    """A worker's body: run a fiber, take the next, again; until the greenlet is ended, or somebody else knows it.

    CPython calls it straight from greenlet (it is a vectorcall), and under a task lie but its frame and that of the fiber's ``run``, each with one
    variable that is alive across the call: greenlet copies what lies there at every switch.
    """
    weft_end_of_stack()
    cdef Scheduler scheduler = <Scheduler>PyCFunction_GET_SELF(body)
    scheduler.begin(scheduler.newborn)
    while True:
        scheduler.current.run()
        if not scheduler.conclude():
            return finished()


cdef PyObject *launch(PyObject *body, PyObject *const *words, size_t count, PyObject *names) noexcept:
    """The launcher's body, called as a worker's is."""
    weft_end_of_stack()
    (<Scheduler>PyCFunction_GET_SELF(body)).launch()
    return finished()


ctypedef PyObject *(*Body)(PyObject *, PyObject *const *, size_t, PyObject *) noexcept

cdef object body_of(Scheduler scheduler, Body body):
    """Return a callable that greenlet runs as the body of a greenlet of `scheduler`."""
    made = PyCFunction_NewEx(&work_definition, <PyObject *>scheduler, None)
    (<PyCFunctionObject *><PyObject *>made).vectorcall = <void *>body
    return made


cdef inline bint undisturbed(Fiber fiber) noexcept:
    """Return whether nothing at all can interrupt `fiber`: asked twice a yield, so without a call."""
    return fiber.limit == INFINITY and not fiber.countdown and not fiber.cancelling and fiber.pending is None


cdef int attend(void *scheduler) except -1:
    """Called by the interpreter between two of its steps: if they are the main fiber's, it runs the signal handlers that it was told of."""
    cdef Scheduler own = <Scheduler>scheduler
    if own.current is own.main and own.main.signalled:
        run_handlers(own.errands, own.main, None)
    return 0


cdef PyObject *enter(void *worker) noexcept:
    return weft_switch(<PyGreenlet *>worker)


cdef PyMethodDef work_definition
work_definition.ml_name = "work"
work_definition.ml_flags = METH_NOARGS


@cython.final
cdef class Scheduler(Watch):
    """The fibers and the workers of one OS thread."""

    def __cinit__(self):
        self.idle = []
        self.errands = []
        self.turns = find_turns()

    cdef int adopt(self, Fiber fiber) except -1:
        """Put a new fiber into the registry."""
        Py_INCREF(fiber)
        fiber.ready = self.ready
        fiber.limit = INFINITY
        fiber.older = self.newest
        if self.newest != NULL:
            (<Fiber>self.newest).newer = <void *>fiber
        self.newest = <void *>fiber
        return 0

    cdef void release(self, Fiber fiber) noexcept:
        """Take an ended fiber out of the registry."""
        if fiber.newer == NULL:
            self.newest = fiber.older
        else:
            (<Fiber>fiber.newer).older = fiber.older
        if fiber.older != NULL:
            (<Fiber>fiber.older).newer = fiber.newer
        fiber.newer = fiber.older = NULL
        fiber.state = ENDED
        Py_DECREF(fiber)

    cdef int park(self, Waiter waiter, double timeout, object reason) except -1:
        """Stop the current fiber until `waiter` is woken (1), or `timeout` seconds have passed (0; negative: without end).

        `waiter` may be None: then time alone, or an interruption, lets it go on. Raises what the fiber is interrupted with. On
        every way but the first the waiter has left its line.
        """
        cdef Fiber fiber = self.current
        cdef double deadline = INFINITY
        cdef double until
        cdef int outcome
        if self.unsettled:
            self.settle(waiter)
        if waiter is not None:
            if waiter.woken:
                return 1
            waiter.fiber = fiber  # before clean-ups and handlers run: they may hand it something
            waiter.ready = self.ready
        if self.turned():
            end_dropped(self.turns, &self.seen)
        if waiter is not None and waiter.woken:
            return 1
        if fiber.interrupted():
            return fiber.deliver(waiter)
        while True:
            if fiber.signalled and run_handlers(self.errands, fiber, waiter):
                return 1
            if waiter is not None and waiter.woken:
                return 1
            if not self.turned():
                break
            end_dropped(self.turns, &self.seen)
            if fiber.cancelling or fiber.pending is not None:
                return fiber.deliver(waiter)
        if timeout >= 0:
            deadline = monotonic() + timeout
        while True:
            until = min(deadline, fiber.limit)
            if until < INFINITY:
                self.set_timer(fiber, waiter, until)
            if waiter is not None:
                waiter.ready = self.ready  # in a child that a handler has forked it is another one
                waiter.parked = True
            fiber.waiter = waiter
            fiber.reason = reason
            fiber.state = PARKED
            outcome = self.leave(fiber, False)
            fiber.state = RUNNING
            fiber.waiter = None
            if fiber.slot >= 0:
                self.timers.remove(fiber)
            if waiter is not None:
                waiter.parked = False
            fiber.reason = None  # last: who held it may be gone, and its finalizer may wait
            if outcome < 0:  # the greenlet is ended from outside, or the poller is broken
                if waiter is not None:
                    waiter.leave()
                return -1
            while True:
                if fiber.signalled and run_handlers(self.errands, fiber, waiter):
                    return 1
                if waiter is not None and waiter.woken:
                    return 1
                if fiber.cancelling or fiber.pending is not None:
                    return fiber.deliver(waiter)
                if (deadline < INFINITY and monotonic() >= deadline) or (waiter is not None and waiter.gone):
                    if waiter is not None:
                        waiter.leave()
                    return 0
                if not self.turned():
                    break
                end_dropped(self.turns, &self.seen)

    cdef int settle(self, Waiter waiter) except -1:
        """Before a wait that comes at a special time.

        What runs at a fork (a hook, a finalizer) waits: in a child that weft has not set up yet the parent's fibers
        would run, so set it up now. greenlet's tracer waits in the middle of a switch to a new worker: it cannot.
        """
        try:
            if self.starting is not None or self.following is not None:
                raise RuntimeError("a callback of greenlet.settrace() cannot wait: the switch that it is told of is not over")
            begin_child()
        except:
            if waiter is not None:
                waiter.leave()
            raise
        return 0

    cdef int set_timer(self, Fiber fiber, Waiter waiter, double until) except -1:
        try:
            return self.timers.add(fiber, until)
        except:
            if waiter is not None:
                waiter.leave()
            raise

    cdef int wait(self, WaitQueue queue, double timeout, object reason) except -1:
        """Stand in `queue` until woken (1) or until `timeout` seconds have passed (0)."""
        cdef Waiter waiter = self.take_waiter(queue)
        cdef int outcome = self.park(waiter, timeout, reason)
        if Py_REFCNT(waiter) == 1:
            self.keep_waiter(waiter)
        return outcome

    cdef Waiter take_waiter(self, WaitQueue queue):
        """A waiter that stands in `queue`."""
        cdef Waiter waiter = self.spare
        if waiter is None:
            waiter = Waiter.__new__(Waiter)
        else:
            self.spare = None
        queue.join(waiter)
        return waiter

    cdef void keep_waiter(self, Waiter waiter) noexcept:
        """Nobody else knows `waiter` any more: if it was woken, and not given up, it is as good as a new one."""
        if waiter.woken and waiter.value is None:
            waiter.woken = waiter.dismissed = False
            waiter.fiber = None
            self.spare = waiter

    cdef int pause(self) except -1:
        """Let everybody else who can run do so first."""
        cdef Fiber fiber = self.current
        cdef int outcome
        if self.unsettled:
            self.settle(None)
        if self.turned():
            end_dropped(self.turns, &self.seen)
        if not undisturbed(fiber) and fiber.interrupted():
            return fiber.deliver(None)
        fiber.state = READY
        outcome = self.leave(fiber, True)
        fiber.state = RUNNING
        if outcome < 0:
            return -1
        if not undisturbed(fiber) and fiber.interrupted():
            return fiber.deliver(None)
        if fiber.signalled:
            run_handlers(self.errands, fiber, None)
        return 0

    cdef int give_way(self) except -1:
        """``pause`` that raises nothing: what the fiber is interrupted with comes at its next wait, and a signal handler's when it goes on."""
        cdef Fiber fiber = self.current
        if self.unsettled:  # the child would run the parent's fibers; a tracer runs
            return 0
        if self.turned():
            end_dropped(self.turns, &self.seen)
        fiber.state = READY
        cdef int outcome = self.leave(fiber, True)
        fiber.state = RUNNING
        if fiber.signalled:
            Py_AddPendingCall(attend, <void *>self)
        return outcome

    cdef int leave(self, Fiber fiber, bint again) noexcept:
        """Switch from `fiber`, the current one, to whoever is next; returns when somebody switches back, or at once. -1 with an error set.

        `again`: it runs again after those that can run by then. No Python frame and no try block lies here: greenlet copies this stack at every
        switch.
        """
        cdef PyObject *outcome
        if self.choose(fiber, again) < 0:
            return -1
        if self.following is fiber:
            self.following = None
            return 0
        fiber.greenlet = self.where(fiber)
        if fiber.has_loop:
            fiber.loop_task = leave_loop(fiber.loop)
        outcome = self.switch()
        if self.current is not fiber:
            outcome = self.enter_from_outside(fiber, outcome)
        Py_XDECREF(<PyObject *>fiber.greenlet)
        fiber.greenlet = NULL
        if fiber.has_loop:
            enter_loop(fiber.loop, fiber.loop_task)
            fiber.loop_task = None
        if outcome == NULL:
            self.put_back()
            return -1
        Py_XDECREF(outcome)
        return 0

    cdef void put_back(self) noexcept:
        """A switch failed, for want of memory perhaps: a fiber that was to begin waits for the next one."""
        if self.starting is not None:
            self.unsettled -= self.unsettled > 0
            self.ready.push(self.starting)
            self.starting = None

    cdef PyObject *enter_from_outside(self, Fiber fiber, PyObject *outcome) noexcept:
        """Somebody switched to the parked `fiber` beside the scheduler. Returns what it goes on with."""
        cdef Fiber intruder
        while outcome != NULL and self.current is not fiber:  # the end of a raw greenlet: its value is not for `fiber`
            outcome = pass_on(self.home(self.current), outcome)
        if self.current is fiber:
            return outcome
        intruder = self.current  # it threw an exception, and goes on when its turn comes
        intruder.greenlet = self.home(intruder)  # borrowed: it is replaced, not dropped, at the next park
        self.ready.push(intruder)
        self.ready.remove(fiber)
        self.current = fiber
        return NULL

    cdef PyGreenlet *home(self, Fiber fiber) noexcept:
        """Return the greenlet of a fiber that has not parked, borrowed. A raw greenlet that it is on is not known."""
        return fiber.worker if fiber.worker != NULL else <PyGreenlet *><PyObject *>self.base

    cdef PyGreenlet *where(self, Fiber fiber) noexcept:
        """The greenlet that runs, a new reference. Asking greenlet costs a tenth of a switch; the first piece of a worker's frame stack tells as well."""
        cdef PyGreenlet *greenlet
        cdef void *frames = weft_frames(self.state)
        if frames != NULL and frames == fiber.frames:
            greenlet = fiber.worker
            Py_INCREF(<object><PyObject *>greenlet)
            return greenlet
        return self.ask_greenlet(fiber, frames)

    cdef PyGreenlet *ask_greenlet(self, Fiber fiber, void *frames) noexcept:
        """``where``, for the first time on a worker or on a greenlet of the program's; apart, so that its variables lie under no task."""
        cdef PyGreenlet *greenlet = weft_current_greenlet()
        if greenlet == NULL:  # greenlet does not tell any more: the interpreter is about to end
            PyErr_Clear()
            greenlet = self.home(fiber)
            Py_INCREF(<object><PyObject *>greenlet)
        if greenlet == fiber.worker and frames != NULL and weft_first(frames):
            fiber.frames = frames
        return greenlet

    cdef int choose(self, Fiber fiber, bint again) noexcept:
        """Take the next fiber to run as ``following``; wait for one. -1 with an error set.

        If another thread ran during the wait, ``end_dropped`` comes first: then `fiber` goes on, woken or not.
        `again`: `fiber` is queued, but after those who are due.
        """
        cdef int left = self.until_look - 1
        self.switches += 1
        self.spent = 0
        self.until_look = left
        # the clock is asked at every other switch: that is half its cost, and the interval sees to long turns
        if left <= 0 or left & 1 and weft_ticked(&self.tick):
            if self.look_between() < 0:
                return -1
            if self.turned():  # to open the poller anew lets go of the interpreter's lock
                return self.stay(fiber)
        if again:
            self.ready.push(fiber)
        while self.ready.head == NULL:
            self.looked = 0
            if self.look(True) < 0:
                return -1
            weft_ticked(&self.tick)
            if self.turned():
                return self.stay(fiber)
        self.following = <Fiber>self.ready.pop()
        return 0

    cdef int stay(self, Fiber fiber) noexcept:
        """Choose `fiber`, the current one: it goes on. None: nobody is chosen."""
        if fiber is not None:
            self.ready.remove(fiber)
        self.following = fiber
        return 0

    cdef bint choose_anyhow(self) noexcept:
        """``choose`` where no fiber runs that could take an error: the main fiber gets it. Return whether anybody was taken."""
        cdef PyObject *error
        while self.choose(None, False) < 0:
            error = weft_take_error()
            self.main.interrupt(<object>error)
            Py_XDECREF(error)
            if self.ready.head != NULL:  # without another look, which may fail again and again
                self.following = <Fiber>self.ready.pop()
                break
        return self.following is not None

    cdef PyObject *switch(self) noexcept:
        """Give the thread to ``following``; a new fiber gets an idle worker, or the launcher makes one. NULL with an error set.

        Nothing here holds a reference while away: a parked stack that held the next fiber would keep it long after its end.
        """
        cdef PyGreenlet *target
        if self.following.state == NEW:
            self.starting, self.following = self.following, None
            self.unsettled += 1
            target = self.take_idle()
        else:
            target = self.following.greenlet
            self.current, self.following = self.following, None
        return weft_switch(target)

    cdef PyGreenlet *take_idle(self) noexcept:
        """An idle worker, or the launcher. Borrowed: a worker holds itself, the scheduler its launcher."""
        if not self.idle:
            return <PyGreenlet *><PyObject *>self.launcher
        worker = self.idle.pop()
        return <PyGreenlet *><PyObject *>worker

    cdef void begin(self, PyGreenlet *worker) noexcept:
        """``starting`` is the fiber that runs, on `worker`, which holds itself."""
        if self.references == 0:
            self.references = Py_REFCNT(<object><PyObject *>worker)
        self.unsettled -= self.unsettled > 0
        self.starting.state = RUNNING
        self.starting.worker = worker
        self.current, self.starting = self.starting, None

    cdef bint conclude(self) noexcept:
        """The current fiber has ended: the next new one begins on its worker; with none, the worker waits for one. False: the worker ends."""
        cdef PyGreenlet *worker = self.current.worker
        cdef PyObject *outcome
        while self.turned():
            end_dropped(self.turns, &self.seen)
            self.current.let_go()
        self.release(self.current)
        while not self.choose_anyhow():
            if self.start_empty(worker):
                return True
        if Py_REFCNT(<object><PyObject *>worker) > self.references or not self.keep_idle(worker):
            self.leaving = True  # somebody else knows it, or there is no memory
            self.unsettled += 1
            self.held = weft_hold_collector()  # greenlet makes a tuple of what a body returns
            Py_DECREF(<object><PyObject *>worker)
            return False
        if self.following.state == NEW:
            self.starting, self.following = self.following, None
        else:
            outcome = self.switch()
            while self.starting is None and not self.ending:  # from outside
                outcome = pass_on(self.home(self.current), outcome)
            drop(outcome)
            if self.ending:
                Py_DECREF(<object><PyObject *>worker)
                return False
        self.begin(worker)
        return True

    cdef bint keep_idle(self, PyGreenlet *worker) noexcept:
        """Note that `worker` waits for a fiber, if the chosen one does not begin on it; False if there is no memory for that."""
        if self.following.state == NEW or PyList_Append(self.idle, <object><PyObject *>worker) == 0:
            return True
        PyErr_Clear()
        return False

    cdef bint start_empty(self, PyGreenlet *worker) noexcept:
        """Begin a task that does nothing. At its end greenlet ends what another thread has dropped, for which a fiber must be current.

        False if there is no memory for it: then what was dropped waits for the next time.
        """
        cdef int held = weft_hold_collector()
        try:
            self.starting = empty_task(self)
        except BaseException:
            self.seen = self.turns[0]
            return False
        finally:
            weft_free_collector(held)
        self.begin(worker)
        return True

    cdef void launch(self) noexcept:
        """The body of the launcher."""
        cdef PyObject *outcome
        weft_reset_recursion()
        outcome = weft_switch(<PyGreenlet *><PyObject *>self.creator)
        while True:
            if self.starting is None and not self.leaving and not self.ending:  # from outside
                outcome = pass_on(self.home(self.current), outcome)
                continue
            drop(outcome)
            if self.ending:
                return
            weft_free_collector(self.held)
            self.leaving = self.held = False
            if self.starting is None and self.following.state != NEW:  # chosen by a worker that has ended
                self.unsettled -= self.unsettled > 0
                outcome = self.switch()
                continue
            if self.starting is None:
                self.starting, self.following = self.following, None
            outcome = self.launch_worker()

    cdef PyObject *launch_worker(self) noexcept:
        """Begin ``starting`` on a new worker. Returns what comes when somebody switches to the launcher, or NULL."""
        cdef void *fiber = <void *>self.starting
        cdef PyObject *outcome = NULL
        cdef int held = weft_hold_collector()
        cdef PyGreenlet *worker = weft_new_greenlet(<PyObject *>self.body, NULL)
        weft_free_collector(held)
        if worker == NULL:
            self.refuse()
            return NULL
        PyObject_GC_UnTrack(<PyObject *>worker)
        self.started += 1
        self.newborn = worker
        outcome = weft_lower(enter, <void *>worker, STEP if self.started & 1 else 1)
        if outcome == NULL and <void *>self.starting == fiber:  # it has not begun
            Py_DECREF(<object><PyObject *>worker)
            self.refuse()
        return outcome

    cdef void refuse(self) noexcept:
        """No worker could be made: ``starting`` stays in line, and the main fiber gets the error that is set."""
        cdef PyObject *error = weft_take_error()
        self.ready.push(self.starting)
        self.starting = None
        self.main.interrupt(<object>error)
        Py_XDECREF(error)
        while not self.choose_anyhow():
            self.seen = self.turns[0]  # the launcher must not wait: what another thread has dropped ends later
        self.leaving = True

    cdef int start(self, bint on_main_thread, object base) except -1:
        """Make what belongs to the thread: the door, the main fiber, and the launcher at the greenlet `base`.

        Whatever of it is refused is raised; ``retire`` then gives back the rest.
        """
        cdef Fiber main = main_type()
        self.body = body_of(self, work)
        self.ready.open()
        self.poller.open(self.ready.inner)
        self.on_main_thread = on_main_thread
        self.state = PyThreadState_Get()
        self.base = base
        self.main = self.current = main
        main.state = RUNNING
        self.adopt(main)
        cdef PyGreenlet *creator = PyGreenlet_GetCurrent()
        self.creator = <object><PyObject *>creator
        Py_DECREF(self.creator)
        self.launcher = new_greenlet(body_of(self, launch), base)
        checked(weft_switch(<PyGreenlet *><PyObject *>self.launcher))
        self.creator = None
        return 0

    cdef void close(self) noexcept:
        """Close what the operating system lent. Nobody runs here any more."""
        self.ready.abandoned = True
        self.deafen()
        self.poller.close()  # first: it knows itself by the door
        self.ready.close()
        self.ring = None

    cdef bint tidy(self) except -1:
        """Nobody can run: end a few of the workers that are too many, or give back of the memory of ended fibers; whether there was any."""
        if len(self.idle) > IDLE:
            self.end_workers(self.idle[:SLICE])
            del self.idle[:SLICE]
        elif shells.kept > IDLE:
            shells.give_back(SLICE)
        else:
            return False
        return True

    cdef int end_workers(self, list workers) except -1:
        """End greenlets that run no fiber."""
        cdef PyGreenlet *here = PyGreenlet_GetCurrent()
        cdef int held = weft_hold_collector()
        self.ending = True
        try:
            for greenlet in workers:
                PyGreenlet_SetParent(<PyGreenlet *><PyObject *>greenlet, here)
                PyGreenlet_Throw(<PyGreenlet *><PyObject *>greenlet, PyExc_GreenletExit, NULL, NULL)
        finally:
            self.ending = False
            weft_free_collector(held)
            Py_XDECREF(<PyObject *>here)
        return 0

    cdef int retire(self) except -1:
        """The thread ends: end its idle workers and the launcher, and let go of the main fiber. Parked tasks stay as they are, held for ever."""
        doomed, self.idle = self.idle, []
        if self.launcher is not None:
            doomed.append(self.launcher)
        self.launcher = self.body = self.base = None
        self.end_workers(doomed)
        main, self.main, self.current = self.main, None, None
        if main is not None:
            self.release(main)
        return 0
