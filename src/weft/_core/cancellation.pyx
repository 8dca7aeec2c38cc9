# cython: language_level=3, boundscheck=False, wraparound=False, binding=True
"""Cancel scopes: a block of code that can be ended from outside, or by a deadline.

Rules:
- Inside a cancelled scope each call that waits raises Cancelled, again and again, until the scope is left. What need not wait goes on.
- Of nested scopes that are cancelled the outermost one stops the exception; one that is shielded stops its own whatever is outside.
- A scope is entered once, by one task, and left by it in reverse order. ``cancel`` may come from any thread, handler or finalizer.
"""

from libc.math cimport INFINITY
from weft._core.fiber cimport Fiber
from weft._core.schedulers cimport get_scheduler
from weft._core.scope cimport Scope
from weft._core.timers cimport monotonic, number

from weft._core.errors import Cancelled

cdef object context_of = BaseException.__context__.__get__  # a subclass may have an attribute of this name


cdef inline double limit_of(object given, str name) except? -1:
    """A deadline, or a time to spend, as C sees it: None is infinity."""
    if given is None:
        return INFINITY
    return number(given, name)


cdef class CancelScope(Scope):
    """A block that can be cancelled: ``with CancelScope() as scope``.

    `deadline`: when it is cancelled by itself, in seconds of ``time.monotonic()``; None for never. `shield`: whether cancellations from
    outside (an outer scope, ``Task.cancel``) wait until the block is left. The block ends quietly when its scope was cancelled;
    ``cancelled_caught`` then is True.
    """

    cdef Fiber fiber  # the task that is in it; None before it is entered and after it is left
    # how long the block may take, counted from its beginning; infinity if the deadline says
    # it
    cdef double seconds
    cdef readonly bint cancelled_caught  # the block was ended by this scope
    cdef bint entered  # it was entered once
    cdef bint taken  # an iterator that is suspended in it has taken it along: it has no task now

    def __cinit__(self):
        self.limit = self.seconds = INFINITY

    def __init__(self, *, deadline=None, bint shield=False):
        self.limit = limit_of(deadline, "deadline")
        self.shielded = shield

    def __enter__(self):
        cdef Fiber fiber = get_scheduler().current
        if self.entered:
            raise RuntimeError("a cancel scope is entered once; make a new one")
        self.entered = True
        if self.seconds < INFINITY:
            self.limit = monotonic() + self.seconds
        self.fiber = fiber
        self.outer = fiber.scope
        fiber.scope = self
        fiber.update()
        return self

    cdef int leave(self) except -1:
        """Out of the fiber's chain.

        A scope that an iterator has taken along (``take_scopes``) stays with it.
        """
        cdef Fiber fiber = self.fiber
        if fiber is None or fiber.scope is not self or fiber is not get_scheduler().current:
            return self.leave_in_disorder(fiber)
        fiber.scope = self.outer
        fiber.update()
        self.fiber = self.outer = None
        return 0

    cdef int leave_in_disorder(self, Fiber fiber) except -1:
        """Raise what is wrong; out of the chain it goes if it is in one."""
        cdef CancelScope inner = None
        if fiber is None and not self.taken:
            state = "was left already" if self.entered else "has not been entered"
            raise RuntimeError(f"the cancel scope {state}")
        if fiber is not None and stands_in(fiber, self):
            while inner is not self:  # those that were left open inside go, too
                inner = <CancelScope>fiber.scope
                fiber.scope = inner.outer
                inner.fiber = inner.outer = None
            fiber.update()
        raise RuntimeError("cancel scopes are left in reverse order, by the task that entered them")

    cdef bint catches(self, Fiber fiber):
        """Return whether Cancelled ends here."""
        return self.cancelled and (self.shielded or not fiber.cancelling)

    def __exit__(self, kind, error, traceback):
        cdef Fiber fiber = self.fiber
        self.leave()
        if error is None or not self.catches(fiber):
            return False
        if isinstance(error, Cancelled):
            self.cancelled_caught = True
            return True
        if isinstance(error, BaseExceptionGroup):
            cancelled, rest = error.split(Cancelled)
            if cancelled is not None:
                self.cancelled_caught = True
                if rest is None:
                    return True
                raise rest from None
        return False

    def cancel(self) -> None:
        """End the block: each call in it that waits raises Cancelled, now and until it is left. From any thread."""
        self.cancelled = True
        if self.fiber is not None:
            self.fiber.cancel_now()

    cdef int changed(self) except -1:
        """The deadline or the shield is another one."""
        cdef Fiber fiber = self.fiber
        if fiber is None:
            return 0
        fiber.cancel_now()
        fiber.resume()  # its park sets its timer anew
        return 0

    @property
    def deadline(self) -> float:
        """When the scope is cancelled by itself, in seconds of ``time.monotonic()``; infinity for never. May be set."""
        return self.limit

    @deadline.setter
    def deadline(self, value) -> None:
        self.limit = limit_of(value, "deadline")
        self.changed()

    @property
    def shield(self) -> bool:
        """Return whether cancellations from outside wait until the block is left. May be set."""
        return self.shielded

    @shield.setter
    def shield(self, bint value) -> None:
        self.shielded = value
        self.changed()

    @property
    def cancel_called(self) -> bool:
        """Return whether it was cancelled, by ``cancel`` or by its deadline."""
        if not self.cancelled and self.fiber is not None and self.limit <= monotonic():
            self.fiber.expire(monotonic())
        return self.cancelled

    @property
    def expired(self) -> bool:
        """Return whether it was its deadline that cancelled it."""
        return self.cancel_called and (<Scope>self).expired

    def __repr__(self):
        left = "" if self.limit == INFINITY else f", {self.limit - monotonic():.3g} s left"
        left_for_good = self.entered and self.fiber is None and not self.taken
        state = "left" if left_for_good else "active" if self.entered else "new"
        state = "cancelled" if self.cancelled else state
        return f"<weft.{type(self).__name__} {state}{left}{', shielded' if self.shielded else ''}>"


cdef bint replaces_cancelled(object error):
    """Return whether `error` was raised while a Cancelled was on its way."""
    cdef set seen = set()
    while error is not None and id(error) not in seen:  # a program may make a circle of them
        if isinstance(error, Cancelled):
            return True
        seen.add(id(error))
        error = context_of(error)
    return False


cdef class timeout(CancelScope):
    """A block that must be done within `seconds` (None: no limit), or TimeoutError: ``with timeout(5): ...``.

    It ends what waits in it, in whatever library: each wait raises ``weft.Cancelled`` until the block is left, and TimeoutError follows.
    An Exception that a clean-up raises in the place of a ``weft.Cancelled`` is the cause of the TimeoutError. (Libraries whose clean-ups do
    not expect a BaseException there raise their own errors: urllib3's pool a FullPoolError, since it puts back what it never took.)
    The time begins with the block. Attributes and methods are those of CancelScope.
    """

    def __init__(self, seconds, *, bint shield=False):
        self.seconds = limit_of(seconds, "seconds")
        self.shielded = shield

    def __exit__(self, kind, error, traceback):
        cdef Fiber fiber = self.fiber
        if not CancelScope.__exit__(self, kind, error, traceback):
            if not ((<Scope>self).expired and isinstance(error, Exception) and self.catches(fiber) and replaces_cancelled(error)):
                return False
            self.cancelled_caught = True
        if (<Scope>self).expired:
            raise TimeoutError(f"not done within {self.seconds:g} seconds") from error
        return True


def move_on_after(seconds, *, bint shield=False):
    """A scope that is cancelled `seconds` (None: never) after its block began: ``with move_on_after(5) as scope: ...``.

    The block ends quietly; ``scope.cancelled_caught`` tells that it was cut short.
    """
    cdef CancelScope scope = CancelScope.__new__(CancelScope)
    scope.seconds = limit_of(seconds, "seconds")
    scope.shielded = shield
    return scope


cdef bint stands_in(Fiber fiber, Scope wanted):
    """Return whether `fiber` is in the scope `wanted` (None: it always is)."""
    cdef Scope scope = fiber.scope
    while scope is not None and scope is not wanted:
        scope = scope.outer
    return scope is wanted


cdef class Taken:
    """Scopes that were taken off a task, to be put back once."""

    cdef CancelScope inner  # the innermost
    cdef CancelScope last  # the outermost of them


cdef void set_fiber(Scope scope, Scope base, Fiber fiber) noexcept:
    """Let the scopes from `scope` out to `base` be in `fiber`, or in none: taken."""
    while scope is not base:
        (<CancelScope>scope).fiber = fiber
        (<CancelScope>scope).taken = fiber is None
        scope = scope.outer


def take_scopes(Scope base):
    """Take the scopes that were entered inside `base` off the current task: they stay with the code that is about to be left in the middle.

    Returns them, for ``put_scopes``; None if there are none. A scope that is taken does not keep the
    task: the task may keep the suspended code, and no collector sees a cycle through its stack.
    """
    cdef Fiber fiber = get_scheduler().current
    cdef Taken taken
    # `base` was left meanwhile: nobody can tell whose the others are
    if fiber.scope is base or not stands_in(fiber, base):
        return None
    taken = Taken()
    taken.inner = taken.last = <CancelScope>fiber.scope
    set_fiber(taken.inner, base, None)
    while taken.last.outer is not base:
        taken.last = <CancelScope>taken.last.outer
    taken.last.outer = None
    fiber.scope = base
    fiber.update()
    return taken


def put_scopes(Taken taken):
    """Put back what ``take_scopes`` took, onto the task that goes on with that code, whichever it
    is. Returns the scope that is now below."""
    cdef Fiber fiber = get_scheduler().current
    cdef Scope below = fiber.scope
    if taken is not None and taken.inner is not None:
        set_fiber(taken.inner, None, fiber)
        taken.last.outer = below
        fiber.scope = taken.inner
        taken.inner = taken.last = None
        fiber.update()
    return below
