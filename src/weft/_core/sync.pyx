# cython: language_level=3, boundscheck=False, wraparound=False, binding=False, embedsignature=True, embedsignature.format=clinic
"""Locks, semaphores, events and conditions with the names and the semantics of ``threading``.

Invariants:
- What is released is handed to the first who waits, and never seen free in between: first come, first served.
- A waiter that was woken owns what it was handed, even if its timeout came too (see waiting).
- Everything works between tasks and between OS threads: each thread's scheduler parks its own task, and waking goes through its door.
- Releasing and setting run no Python code, so a finalizer may do it.
- Who holds and who waits can be asked (``owner``, ``waiters``), for people who look for a fault; an answer may be old when it comes.
- The methods are plain ones of C (``binding=False``), which the interpreter calls by its shortest way when they are the object's own type's: a
  lock's hand-over 0.148 us with Cython's kind, 0.135 with these. It is not so for inherited ones: queues have Cython's kind (0.28 us; 0.31).
- A task that takes locks and never waits (it polls a queue, say) gives way now and then, so that it starves nobody.
"""

cimport cython
from weft._core.fiber cimport Fiber
from weft._core.names cimport describe
from weft._core.scheduler cimport Scheduler, overdue
from weft._core.schedulers cimport get_scheduler
from weft._core.timers cimport monotonic
from weft._core.waiting cimport Awaited, Waiter, WaitQueue

import _thread


cdef inline int be_fair(Scheduler scheduler) except -1:
    """A fiber that takes locks again and again starves nobody."""
    return scheduler.give_way() if overdue(scheduler, 1) else 0


cdef double limit(bint blocking, object timeout) except? -2:
    """``acquire``'s two arguments as seconds: -1 without end, 0 for not at all. The errors are those of ``threading``."""
    cdef double value = timeout
    if not blocking:
        if value != -1:
            raise ValueError("can't specify a timeout for a non-blocking call")
        return 0
    if value == -1:
        return -1
    if value < 0:
        raise ValueError("timeout value must be a non-negative number")
    if value > _thread.TIMEOUT_MAX:
        raise OverflowError("timeout value is too large")
    return value


cdef double patience(object timeout) except? -2:
    """``wait``'s argument as seconds: None and whatever is negative as ``threading`` takes them."""
    if timeout is None:
        return -1
    cdef double value = timeout
    return value if value > 0 else 0


@cython.final
cdef class Lock(Awaited):
    """A lock that parks the task: ``threading.Lock``."""

    def __init__(self):
        """No arguments."""

    cdef bint take(self, double seconds) except -1:
        cdef Scheduler scheduler = get_scheduler()
        be_fair(scheduler)
        if not self.held:
            self.held = True
            self.holder = scheduler.current
            return True
        return seconds != 0 and scheduler.wait(self.line, seconds, self) == 1

    cdef int give(self) except -1:
        """Hand the lock on."""
        cdef Waiter waiter = self.line.wake_first()
        self.held = waiter is not None
        self.holder = None if waiter is None else waiter.fiber
        return 0

    def acquire(self, bint blocking=True, timeout=-1) -> bool:
        """Take the lock, waiting at most `timeout` seconds (-1: as long as it takes). True if it was taken."""
        return self.take(limit(blocking, timeout))

    def release(self) -> None:
        """Hand the lock to the first who waits. RuntimeError if nobody holds it."""
        if not self.held:
            raise RuntimeError("release unlocked lock")
        self.give()

    def locked(self) -> bool:
        """True while somebody holds it."""
        return self.held

    @property
    def owner(self):
        """The task that took it, or None. Another may release it."""
        return self.holder

    def __enter__(self):
        return self.take(-1)

    def __exit__(self, *_):
        self.release()

    def _at_fork_reinit(self):
        self.held = False
        self.holder = None
        self.line = WaitQueue()

    def __repr__(self):
        return f"<{'locked' if self.held else 'unlocked'} weft.Lock object at {id(self):#x}, {self.line.size} waiting>"


cdef class RLock(Awaited):
    """A lock that its owner may take again: ``threading.RLock``. The owner is a task."""

    cdef Fiber holder
    cdef Py_ssize_t count

    cdef bint take(self, double seconds) except -1:
        cdef Scheduler scheduler = get_scheduler()
        cdef Fiber me = scheduler.current
        if self.holder is me:
            self.count += 1
            return True
        be_fair(scheduler)
        if self.holder is not None and (seconds == 0 or not scheduler.wait(self.line, seconds, self)):
            return False
        self.holder = me
        self.count = 1
        return True

    cdef int give(self) except -1:
        """Hand the lock on; the next owner is named at once, so that nobody finds it free."""
        cdef Waiter waiter = self.line.wake_first()
        self.holder = None if waiter is None else <Fiber>waiter.fiber
        self.count = 1
        return 0

    def acquire(self, bint blocking=True, timeout=-1) -> bool:
        """Take the lock (again), waiting at most `timeout` seconds (-1: as long as it takes). True if it was taken."""
        return self.take(limit(blocking, timeout))

    def release(self) -> None:
        """Undo one ``acquire``. RuntimeError if another task, or nobody, holds it."""
        if self.holder is None or self.holder is not get_scheduler().current:
            raise RuntimeError("cannot release un-acquired lock")
        self.count -= 1
        if self.count == 0:
            self.give()

    def locked(self) -> bool:
        """True while somebody holds it."""
        return self.holder is not None

    @property
    def owner(self):
        """The task that holds it, or None."""
        return self.holder

    def __enter__(self):
        return self.take(-1)

    def __exit__(self, *_):
        self.release()

    def _is_owned(self):
        return self.holder is not None and self.holder is get_scheduler().current

    def _release_save(self):
        if self.holder is None:
            raise RuntimeError("cannot release un-acquired lock")
        count = self.count
        self.give()
        return count

    def _acquire_restore(self, count):
        self.take(-1)
        self.count = count

    def _recursion_count(self):
        return self.count if self._is_owned() else 0

    def _at_fork_reinit(self):
        self.holder = None
        self.count = 0
        self.line = WaitQueue()

    def __repr__(self):
        if self.holder is None:
            return f"<unlocked weft.RLock object at {id(self):#x}>"
        return f"<locked weft.RLock object owner={self.holder} count={self.count} at {id(self):#x}, {self.line.size} waiting>"


cdef class Semaphore(Awaited):
    """A number of permits: ``threading.Semaphore``."""

    cdef Py_ssize_t value

    def __init__(self, value=1):
        if value < 0:
            raise ValueError("semaphore initial value must be >= 0")
        self.value = value

    def acquire(self, bint blocking=True, timeout=None) -> bool:
        """Take a permit, waiting at most `timeout` seconds (None: as long as it takes). True if it was taken."""
        if not blocking and timeout is not None:
            raise ValueError("can't specify timeout for non-blocking acquire")
        if self.value > 0:
            self.value -= 1
            return True
        cdef double seconds = patience(timeout)
        return blocking and seconds != 0 and get_scheduler().wait(self.line, seconds, self) == 1

    def release(self, n=1) -> None:
        """Give `n` permits back, to those who wait first."""
        cdef Py_ssize_t left = n
        if left < 1:
            raise ValueError("n must be one or more")
        self.give(left)

    cdef int give(self, Py_ssize_t count) except -1:
        while count and self.line.wake_one():
            count -= 1
        self.value += count
        return 0

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *_):
        self.release()

    def __repr__(self):
        return f"<weft.{type(self).__name__} at {id(self):#x}: value {self.value}, {self.line.size} waiting>"


cdef class BoundedSemaphore(Semaphore):
    """A semaphore that never has more permits than it began with: ``threading.BoundedSemaphore``."""

    cdef Py_ssize_t bound

    def __init__(self, value=1):
        Semaphore.__init__(self, value)
        self.bound = value

    def release(self, n=1) -> None:
        """Give `n` permits back. ValueError if there were more than at the beginning."""
        cdef Py_ssize_t count = n
        if count < 1:
            raise ValueError("n must be one or more")
        if self.value + count > self.bound:
            raise ValueError("Semaphore released too many times")
        self.give(count)


cdef class Event(Awaited):
    """A flag that tasks wait for: ``threading.Event``."""

    def is_set(self) -> bool:
        """True while the flag is set."""
        return self.flag

    def set(self) -> None:
        """Set the flag and wake everybody who waits."""
        self.flag = True
        self.line.wake_all()

    def clear(self) -> None:
        """Reset the flag."""
        self.flag = False

    def wait(self, timeout=None) -> bool:
        """Wait until the flag is set, at most `timeout` seconds (None: as long as it takes). True if it was set."""
        if self.flag:
            return True
        cdef double seconds = patience(timeout)
        return seconds != 0 and get_scheduler().wait(self.line, seconds, self) == 1

    def _at_fork_reinit(self):
        self.line = WaitQueue()

    def __repr__(self):
        return f"<weft.Event at {id(self):#x}: {'set' if self.flag else 'unset'}>"


cdef class Condition(Awaited):
    """A condition variable: ``threading.Condition``."""

    cdef object lock
    cdef readonly object acquire
    cdef readonly object release

    def __init__(self, lock=None):
        self.lock = RLock() if lock is None else lock
        self.acquire = self.lock.acquire
        self.release = self.lock.release

    def __enter__(self):
        return self.lock.__enter__()

    def __exit__(self, *exception):
        return self.lock.__exit__(*exception)

    cdef bint owned(self) except -1:
        if hasattr(self.lock, "_is_owned"):
            return self.lock._is_owned()
        if self.lock.acquire(False):
            self.lock.release()
            return False
        return True

    def wait(self, timeout=None) -> bool:
        """Release the lock, wait to be notified, at most `timeout` seconds, and take the lock again. True if notified."""
        cdef Waiter waiter
        cdef bint woken
        cdef Scheduler scheduler = get_scheduler()
        if not self.owned():
            raise RuntimeError("cannot wait on un-acquired lock")
        waiter = Waiter.__new__(Waiter)
        self.line.join(waiter)
        save = getattr(self.lock, "_release_save", None)
        saved = save() if save is not None else self.lock.release()
        try:
            woken = scheduler.park(waiter, patience(timeout), self)
        finally:
            self.retake(saved, save is not None)
        return woken

    def retake(self, saved, bint restore):
        """Take the lock again, whatever the task is interrupted with: the caller's ``with`` releases it."""
        interruption = None
        cdef Fiber me = get_scheduler().current
        me.shields += 1  # a cancellation comes again at each wait; here it has to wait itself
        me.update()
        try:
            while True:
                try:
                    if restore:
                        self.lock._acquire_restore(saved)
                    else:
                        self.lock.acquire()
                    break
                except BaseException as error:
                    interruption = error
        finally:
            me.shields -= 1
            me.update()
        if interruption is not None:
            raise interruption

    def wait_for(self, predicate, timeout=None):
        """Wait until ``predicate()`` is true, at most `timeout` seconds; returns its last value."""
        deadline = None if timeout is None else monotonic() + timeout
        result = predicate()
        while not result:
            left = None if deadline is None else deadline - monotonic()
            if left is not None and left <= 0:
                break
            self.wait(left)
            result = predicate()
        return result

    def notify(self, n=1) -> None:
        """Wake `n` of those who wait; they go on when the caller releases the lock."""
        if not self.owned():
            raise RuntimeError("cannot notify on un-acquired lock")
        cdef Py_ssize_t left = n
        while left > 0 and self.line.wake_one():
            left -= 1

    def notify_all(self) -> None:
        """Wake everybody who waits."""
        self.notify(self.line.size)

    def __repr__(self):
        return f"<weft.Condition({describe(self.lock)}), {self.line.size} waiting>"
