# cython: language_level=3, boundscheck=False, wraparound=False
"""What lets a fiber go on: the timers, the descriptors, other threads and signals, and the watch that is kept over them.

Invariants:
- Only the thread that the watch belongs to touches anything here but ``ready``, which is the door for everybody else.
- Before the thread falls asleep, ``ready`` is told to ring; whoever pushed before that is seen, and nobody sleeps.
- A signal wakes the main fiber, which runs the handlers: nothing here does.
- Nothing here runs foreign code: no fiber is current, or one that is about to be left. A finalizer that waited
  here would take that fiber's place. So before 3.12 the collector is held off, but while the thread sleeps.
- While nothing but another thread could wake somebody, the main thread asks again from time to time whether one is left.
- Between waits, a look comes every so many switches (``interval``) and whenever the coarse clock has moved. The interval adapts, so
  that about a millisecond lies between two looks: turns may be of any length.
- With a virtual clock time jumps to the next deadline when nobody can run, after descriptors and threads had their say.
"""

from cpython.object cimport PyObject
from libc.math cimport INFINITY
from weft._core.hooks cimport find_deadlock, others_run, threads_left
from weft._core.poller cimport DOOR, LOST, make_poller
from weft._core.runqueue cimport RunQueue
from weft._core.timers cimport TimerHeap, advance, is_virtual, monotonic, patience, real_monotonic

from _signal import set_wakeup_fd as signal_wakeup_fd

cdef int rung = -1  # the door that signals ring, -1 for none
cdef object set_wakeup_fd = signal_wakeup_fd  # held here: modules are emptied before the last scheduler goes

cdef extern from "Python.h":
    void PyErr_SetObject(PyObject *kind, PyObject *error)

cdef extern from "thread.h":
    int weft_hold_collector() noexcept
    void weft_free_collector(int held) noexcept

cdef double PERIOD = 0.001  # seconds between two looks without waiting, as far as the interval can tell
cdef enum:
    MOST = 256  # switches between two looks, so that a run queue that never empties starves nobody
    STEADY = 64  # the same in a seeded order or with a virtual clock, where real time decides nothing
cdef double SOON = 0.05, LATE = 1  # seconds until a possible deadlock is looked at again, the first and the longest


cdef class Watch:
    """The run queue, the timers and the poller of one OS thread. Its scheduler extends it."""

    def __cinit__(self):
        self.ready = RunQueue()
        self.timers = TimerHeap()
        self.poller = make_poller()
        self.interval = 1
        self.doubt = SOON

    cdef bint tidy(self) except -1:
        """Nobody can run: do something that had time until then. Whether there was anything."""
        return False

    cdef int look(self, bint block) noexcept:
        """``poll``, with an error set instead of raised."""
        try:
            return self.poll(block)
        except BaseException as error:
            kind = type(error)
            PyErr_SetObject(<PyObject *>kind, <PyObject *>error)
            return -1

    cdef int look_between(self) noexcept:
        """Look at the poller and the timers without waiting, and decide after how many switches to look again. -1 with an error set."""
        cdef double now, fit
        if self.ready.seed or is_virtual():
            if self.until_look > 0:
                return 0
            self.until_look = STEADY
            return self.look(False)
        now = real_monotonic()
        if 0 < self.looked < now:
            fit = (self.interval - self.until_look) * PERIOD / (now - self.looked)
            self.interval = <int>max(1, min(fit, 2 * self.interval, MOST))
        self.until_look = self.interval
        self.looked = now
        return self.look(False)

    cdef int poll(self, bint block) except -1:
        """Fire the timers that are due and ask the poller; with `block`, wait until something can happen."""
        self.poller.held = weft_hold_collector()
        try:
            return self.poll_held(block)
        finally:
            weft_free_collector(self.poller.held)

    cdef int poll_held(self, bint block) except -1:
        cdef double timeout = 0
        cdef int outcome = 0
        if self.poller.lost:
            self.reopen()
        if block:
            timeout = self.await_event()
        if timeout != 0:
            self.poller.ready = self.ready
            self.ready.asleep = True
            if self.ready.head != NULL:  # pushed by another thread before it was told to ring
                self.ready.asleep = False
                timeout = 0
        try:
            if timeout > 0 and is_virtual() and self.timers.size:
                outcome = self.jump(self.timers.first())
            else:
                outcome = self.poller.poll(timeout)
        finally:
            self.ready.asleep = False
        if outcome == LOST or (outcome == DOOR and not self.ready.intact()):
            outcome = self.reopen()
        if outcome == DOOR and not self.ready.drain():
            outcome = 0
        if outcome and self.on_main_thread:
            self.main.signalled = True
            self.main.resume()
        if self.timers.size:
            self.timers.fire_due(monotonic())
        if self.ready.head != NULL:
            self.doubt = SOON
        return 0

    cdef double await_event(self) except -2:
        """Nobody can run. Returns how many seconds to wait at most, -1 for no end, and 0 if there is something to do first."""
        cdef double first = self.timers.first()
        if self.tidy():
            return 0
        if self.on_main_thread:
            if first == INFINITY and self.poller.waiting == 0:
                if threads_left():  # one may wake somebody, or end without: only asking again tells
                    first = monotonic() + self.doubt
                    self.doubt = min(2 * self.doubt, LATE)
                else:
                    error = find_deadlock(self)
                    if error is not None and self.ready.head == NULL:
                        self.main.interrupt(error)
                        return 0
            if not self.listens and first > 0:
                self.listen()
                self.main.signalled = True  # one that came before it could ring
                self.main.resume()
        return -1 if first == INFINITY else max(first - monotonic(), 0)

    cdef int jump(self, double when) except -1:
        """Move the virtual clock to `when`, unless a descriptor or another thread has something to say first; returns what the poller does."""
        cdef int outcome
        cdef double now = real_monotonic()
        cdef double end = now + (patience() if self.poller.waiting or others_run() else 0)
        while True:
            outcome = self.poller.poll(max(end - now, 0))
            if outcome or self.ready.head != NULL:
                return outcome
            now = real_monotonic()
            if now >= end:
                advance(when)
                return 0

    cdef int reopen(self) except -1:
        """Make the door and the poller anew, after the program closed them, or after they could not be opened.

        Raises OSError if the system refuses; then the next poll tries again.
        """
        self.poller.lost = True
        self.deafen()
        self.poller.close()  # first: it knows itself by the door
        self.ready.open()
        return self.poller.reopen(self.ready.inner)

    cdef int listen(self) except -1:
        """Let signals ring the door, unless somebody else listens."""
        global rung
        self.listens = True
        try:
            before = set_wakeup_fd(self.ready.outer, warn_on_full_buffer=False)
            if before != -1:
                set_wakeup_fd(before)
            else:
                rung = self.ready.outer
        except ValueError:  # not the main interpreter
            pass
        except OSError:  # the door was closed behind weft's back
            self.listens = False
            self.poller.lost = True
        return 0

    cdef void deafen(self) noexcept:
        """Let signals ring the door no more: it is about to be closed, and its number may become another file's."""
        if self.listens:
            self.listens = False
            stop_listening()


cdef void stop_listening() noexcept:
    """Let signals ring no door. In a forked child it may be called again: where it is too early, the interpreter refuses."""
    global rung
    if rung < 0:
        return
    try:
        before = set_wakeup_fd(-1)
        known, rung = rung, -1
        if before != known:  # somebody else's by now
            set_wakeup_fd(before)
    except Exception:  # not the main thread (yet), the interpreter is about to end, or it is closed
        pass
