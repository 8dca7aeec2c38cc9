# cython: language_level=3, boundscheck=False, wraparound=False
"""The schedulers of the process: one an OS thread, made when it first needs one, closed with it, and begun anew in a forked child.

Invariants:
- A thread's own dictionary owns its scheduler; a thread-local pointer finds it.
- A scheduler is published when it is whole. Whatever it needs may be refused (descriptors, memory): then the call that asked for it raises,
  what was made is given back, and the next call tries again.
- A thread's dictionary goes before the last of its finalizers has run. Those that need a scheduler then get another one, an orphan that no
  dictionary owns. It is closed when the next scheduler is made after the thread's end.
- In a forked child only the fiber that forked is left, as the main one. The stacks of the others stay held and never run: they are the parent's.
- Other hooks of the fork, and finalizers, run in the child before weft's hook. One that waits sets the
  child up earlier, so that it does not switch to a fiber of the parent.
"""

from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from posix.unistd cimport getpid
from weft._core.fiber cimport Fiber
from weft._core.hooks cimport forget_locals, set_heir
from weft._core.greenlets cimport PyGreenlet, PyGreenlet_GetCurrent, PyGreenlet_GetParent, PyGreenlet_Import
from weft._core.poller cimport make_poller
from weft._core.runqueue cimport RunQueue
from weft._core.scheduler cimport Scheduler
from weft._core.timers cimport TimerHeap
from weft._core.watch cimport stop_listening

import os
import sys

from weft._core.deadlock import forget_idle_threads
from weft._core.epollpoller import EpollPoller
from weft._core.hooks import set_child_beginner
from weft._core.poller import set_pollers
from weft._core.pollpoller import PollPoller

cdef extern from "thread.h":
    void *weft_get_scheduler()
    void weft_set_scheduler(void *scheduler)

    bint weft_is_ending()
    void weft_set_ending()
    int weft_thread_id()
    bint weft_thread_lives(int thread)

cdef extern from "Python.h":
    PyObject *PyThreadState_GetDict()
    unsigned long PyThread_get_thread_ident()

PyGreenlet_Import()
set_pollers(EpollPoller, PollPoller)

cdef list schedulers = []
cdef list abandoned = []  # what a fork left in the child of other fibers' stacks: kept, so that nothing of theirs runs there
cdef dict orphans = {}  # by the system's number of their thread: schedulers that no dictionary owns
cdef unsigned long main_thread = (
    sys.modules["threading"].main_thread().ident if "threading" in sys.modules else PyThread_get_thread_ident()
)


cdef class Anchor:
    """Stands in the thread's own dictionary, and closes the scheduler when the thread ends."""

    cdef Scheduler scheduler

    def __dealloc__(self):
        cdef Scheduler scheduler = self.scheduler
        cdef bint own = scheduler is not None and weft_get_scheduler() == <void *>scheduler
        if own and not scheduler.on_main_thread:
            weft_set_ending()
            forget_locals(scheduler.main)  # while the scheduler serves: finalizers may wait
            end_scheduler(scheduler)
        elif own:
            weft_set_scheduler(NULL)
        if scheduler is not None:
            scheduler.close()
            if scheduler in schedulers:
                schedulers.remove(scheduler)


cdef int end_scheduler(Scheduler scheduler) except -1:
    """Let this thread have no scheduler any more."""
    if scheduler in schedulers:
        schedulers.remove(scheduler)
    if weft_get_scheduler() == <void *>scheduler:
        weft_set_scheduler(NULL)
    scheduler.close()
    scheduler.retire()
    return 0


cdef Scheduler get_scheduler():
    """The scheduler of this OS thread."""
    cdef void *known = weft_get_scheduler()
    if known != NULL:
        return <Scheduler>known
    return make_scheduler()


cdef Scheduler known_scheduler():
    """The scheduler of this OS thread, or None if it has not needed one."""
    cdef void *known = weft_get_scheduler()
    return <Scheduler>known if known != NULL else None


cdef Scheduler make_scheduler():
    cdef Scheduler scheduler = Scheduler()
    cdef Anchor anchor = Anchor()
    close_orphans()
    try:
        scheduler.start(PyThread_get_thread_ident() == main_thread, base_greenlet())
        if weft_get_scheduler() != NULL:  # a finalizer has made one meanwhile
            end_scheduler(scheduler)
            return get_scheduler()
        if weft_is_ending():
            orphans[weft_thread_id()] = scheduler
        else:
            anchor.scheduler = scheduler
            state = <object>PyThreadState_GetDict()
            state["weft"] = anchor
        schedulers.append(scheduler)
    except BaseException:
        anchor.scheduler = None
        end_scheduler(scheduler)
        raise
    weft_set_scheduler(<void *>scheduler)
    return scheduler


cdef int close_orphans() except -1:
    """Close the orphans whose thread has ended."""
    cdef Scheduler scheduler
    for thread in list(orphans):
        if not weft_thread_lives(thread):
            scheduler = orphans.pop(thread, None)
            if scheduler is not None:
                scheduler.close()
                if scheduler in schedulers:
                    schedulers.remove(scheduler)
    return 0


cdef object base_greenlet():
    """The greenlet of this thread that has no parent."""
    cdef PyGreenlet *greenlet = PyGreenlet_GetCurrent()
    cdef PyGreenlet *parent
    while True:
        parent = PyGreenlet_GetParent(greenlet)
        if parent == NULL:
            base = <object><PyObject *>greenlet
            Py_DECREF(base)
            return base
        Py_DECREF(<object><PyObject *>greenlet)
        greenlet = parent


cdef int parent = 0  # the process that forked last, by a hook of the interpreter
cdef bint begun = False  # this is a child that was set up before its hook was called


def before_fork():
    """From here on until the child has a scheduler of its own, nobody gives way: what runs at a fork takes locks, in the child too."""
    global parent
    parent = getpid()
    known = weft_get_scheduler()
    if known != NULL:
        (<Scheduler>known).unsettled += 1


def after_fork_in_parent():
    known = weft_get_scheduler()
    if known != NULL and (<Scheduler>known).unsettled:
        (<Scheduler>known).unsettled -= 1


def after_fork_in_child():
    """Set the child up, unless somebody had to wait before."""
    global begun
    try:
        if not begun:
            set_up_child()
    finally:
        begun = False


def begin_child():
    """A fiber is about to wait in the middle of a fork: set the child up if this is one."""
    global begun
    if getpid() != parent and not begun:
        begun = True
        set_up_child()


cdef int set_up_child() except -1:
    """The child has the current fiber alone, as its main one, and a door and a poller of its own."""
    global main_thread
    cdef Scheduler scheduler
    cdef Fiber fiber
    cdef TimerHeap timers
    cdef void *link
    main_thread = PyThread_get_thread_ident()
    forget_idle_threads()
    stop_listening()
    known = weft_get_scheduler()
    for other in list(schedulers):
        if <void *>other != known:
            abandoned.append(other)
            (<Scheduler>other).close()
            schedulers.remove(other)
    if known == NULL:
        return 0
    scheduler = <Scheduler>known
    scheduler.unsettled = 0
    fiber = scheduler.current
    link = scheduler.newest
    while link != NULL:  # the others stay as they are, held and never run: their stacks belong to the parent
        if link != <void *>fiber:
            Py_INCREF(<Fiber>link)
        link = (<Fiber>link).older
    abandoned.append((scheduler.ready, scheduler.timers, scheduler.poller, scheduler.idle, scheduler.ring))
    ring, scheduler.ring = scheduler.ring, None
    scheduler.deafen()
    scheduler.poller.close()  # first: it knows itself by the door
    scheduler.ready.close()
    scheduler.ready.abandoned = True
    scheduler.ready = RunQueue()
    if fiber.waiter is not None:
        fiber.waiter.ready = scheduler.ready
    scheduler.poller.wake(fiber)  # a handler may have forked in the middle of a wait
    timers, scheduler.timers = scheduler.timers, TimerHeap()
    timers.move(fiber, scheduler.timers)
    fiber.ready = scheduler.ready
    scheduler.poller = make_poller()
    scheduler.idle = []
    scheduler.on_main_thread = True
    scheduler.forked = scheduler.forked or fiber is not scheduler.main
    scheduler.main = fiber
    scheduler.newest = <void *>fiber
    fiber.older = fiber.newer = NULL
    if scheduler.forked:
        set_heir(fiber)
    if ring is not None:
        ring.abandon()
    scheduler.reopen()  # may be refused: then the next wait tries again
    return 0


set_child_beginner(begin_child)
os.register_at_fork(before=before_fork, after_in_parent=after_fork_in_parent, after_in_child=after_fork_in_child)


def set_seed(unsigned long long seed) -> None:
    """Let this thread's tasks run in a random order that `seed` decides; 0 for first come, first served."""
    cdef Scheduler scheduler = get_scheduler()
    scheduler.ready.seed = 0 if not seed else (seed * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF or 1
    scheduler.ready.steps = 0


def count_steps() -> int:
    """How many times a task was chosen since ``set_seed``."""
    return get_scheduler().ready.steps


def alive() -> list:
    """Every task of this thread but the main one that has not ended, the oldest first."""
    cdef Scheduler scheduler = get_scheduler()
    cdef void *link = scheduler.newest
    found = []
    while link != NULL:
        if <Fiber>link is not scheduler.main:
            found.append(<Fiber>link)
        link = (<Fiber>link).older
    found.reverse()
    return found


cdef list all_schedulers():
    """Every scheduler of the process, for what concerns all of them: a descriptor that is made or closed."""
    return schedulers
