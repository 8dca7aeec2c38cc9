# cython: language_level=3, boundscheck=False, wraparound=False
"""What the scheduler runs: something with a stack of its own, and with what interrupts it.

Invariants:
- ``cancelling`` says whether the next wait raises Cancelled: the fiber was cancelled as a whole (``doomed``), or a scope that it is in was,
  with no shield between. ``limit`` is the earliest deadline of those scopes. ``update`` computes both anew after any change.
- A deadline that has come is decided in that moment: its scopes are cancelled then, even if they are given more time before the fiber runs.
- ``greenlet`` is an owned reference, set while the fiber is away. Nobody drops it then: the registry holds the fiber until its end.
- Nothing here runs Python code (but the hook of a countdown, in tests): another thread, a signal handler or a finalizer may interrupt.
"""

from libc.math cimport INFINITY
from weft._core.runqueue cimport Runnable
from weft._core.scope cimport Scope
from weft._core.timers cimport monotonic
from weft._core.waiting cimport Waiter

from weft._core.errors import Cancelled


cdef object countdown_hook = None


cdef class Fiber(Runnable):
    """What it does is said by a subclass, in ``run``."""

    cdef void run(self) noexcept:
        """Do it, tell everybody, and drop what it held."""

    cdef void let_go(self) noexcept:
        """It has ended: drop what may run somebody's code, if nobody will ever ask for it."""

    cdef void fire(self) noexcept:
        """The timer of the park: its own timeout has come, or a scope's deadline."""
        cdef double now
        if self.scope is not None:
            now = monotonic()
            if self.limit <= now:
                self.expire(now)
        self.give_up()

    cdef void give_up(self) noexcept:
        """End a wait without a wake: it leaves its line now, so that nobody hands it anything any more."""
        if self.state == PARKED and self.waiter is not None and not self.waiter.woken:
            self.waiter.leave()
        self.resume()

    cdef void resume(self) noexcept:
        """Let a parked fiber run though nobody woke it; its ``park`` finds out why."""
        if self.state == PARKED:
            self.state = READY
            if self.waiter is not None:
                self.waiter.parked = False
            self.ready.push(self)

    cdef int interrupt(self, object exception) except -1:
        """Raise `exception` where the fiber waits, or at its next wait."""
        if self.pending is None:
            self.pending = exception
        self.give_up()
        return 0

    cdef int deliver(self, Waiter waiter) except -1:
        """Raise what the fiber is interrupted with; `waiter`, if there is one, gives up first."""
        if waiter is not None:
            waiter.leave()
        exception, self.pending = self.pending, None
        if exception is not None:
            raise exception
        raise Cancelled

    cdef bint interrupted(self) noexcept:
        """Return whether it must not wait now: it is cancelled, or there is something to raise in it. Asked before each wait."""
        cdef double now
        if self.countdown:
            self.countdown -= 1
            if self.countdown == 0:
                countdown_hook(self)
        if self.limit < INFINITY:
            now = monotonic()
            if self.limit <= now:
                self.expire(now)
        return self.cancelling or self.pending is not None

    cdef void update(self) noexcept:
        """Something about the scopes has changed."""
        cdef Scope scope = self.scope
        self.limit = INFINITY
        self.cancelling = False
        if self.shields:
            return
        while scope is not None:
            if scope.cancelled:
                self.cancelling = True
            elif scope.limit < self.limit:
                self.limit = scope.limit
            if scope.shielded:
                return
            scope = scope.outer
        if self.doomed:
            self.cancelling = True

    cdef void expire(self, double now) noexcept:
        """Cancel the scopes whose deadline has come."""
        cdef Scope scope = self.scope
        while scope is not None:
            if scope.limit <= now and not scope.cancelled:
                scope.cancelled = scope.expired = True
            if scope.shielded:
                break
            scope = scope.outer
        self.update()

    cdef void cancel_now(self) noexcept:
        """Something was cancelled: if it concerns the fiber, its wait ends."""
        self.update()
        if self.cancelling:
            self.give_up()


def set_countdown(Fiber fiber not None, int waits, hook) -> None:
    """Call ``hook(fiber)`` when `fiber` is about to wait for the `waits`-th time from now: for tests. 0 for never."""
    global countdown_hook
    countdown_hook = hook
    fiber.countdown = waits


def countdown_of(Fiber fiber not None) -> int:
    """How many waits are left until the hook is called."""
    return fiber.countdown
