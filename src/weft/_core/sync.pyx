# cython: language_level=3, boundscheck=False, wraparound=False, binding=False, embedsignature=True, embedsignature.format=clinic
"""Locks, semaphores, events and conditions with the names and the semantics of ``threading``.

Invariants:
- What is released is handed to the first who waits, and never seen free in between: first come, first served.
- A waiter that was woken owns what it was handed, even if its timeout came too (see waiting).
- Everything works between tasks and between OS threads: each thread's scheduler parks its own task, and waking goes through its door.
- A task that waits at a condition takes its lock again whatever cancels it. What ends the program
  gets out without the lock: that task's releases then do nothing, so the error that it carries is
  not masked (``lost``).
- Releasing and setting run no Python code, so a finalizer may do it.
- Who holds and who waits can be asked (``owner``, ``waiters``), for people who look for a fault; an answer may be old when it comes.
- The methods are plain ones of C (``binding=False``), which the interpreter calls by its shortest way when they are the object's own type's: a
  lock's hand-over 0.148 us with Cython's kind, 0.135 with these. It is not so for inherited ones: queues have Cython's kind (0.28 us; 0.31).
- A task that takes locks and never waits (it polls a queue, say) gives way now and then, so that it starves nobody.
"""

cimport cython
from weft._core.fiber cimport ENDED, Fiber
from weft._core.names cimport describe
from weft._core.budget cimport LOCK, charge, peek
from weft._core.scheduler cimport Scheduler
from weft._core.schedulers cimport get_scheduler
from weft._core.timers cimport acquiring, lasting, monotonic, waiting
from weft._core.waiting cimport Awaited, Waiter, WaitQueue

import _thread

from weft._core.errors import Cancelled, DeadlockError

cdef tuple REAL = (type(_thread.allocate_lock()), _thread.RLock)  # the interpreter's own

cdef extern from "Python.h":
    Py_ssize_t PY_SSIZE_T_MAX


cdef dict lose(dict lost, Fiber fiber, Py_ssize_t count):
    """Note in `lost` (None:

    a new one) that `fiber` does not have the lock which it will release `count` times; returns it.
    """
    if lost is None:
        lost = {}
    for other in list(lost):
        if (<Fiber>other).state == ENDED:  # it never released what it had lost
            del lost[other]
    lost[fiber] = count
    return lost


cdef bint has_lost(dict lost, Fiber fiber):
    """Return whether `fiber` will release what it has lost."""
    return lost is not None and fiber in lost


cdef bint forgive(dict lost, Fiber fiber):
    """Return whether `fiber` releases what it has lost; asked at each of its releases."""
    count = lost.get(fiber)
    if count is None:
        return False
    if count > 1:
        lost[fiber] = count - 1
    else:
        del lost[fiber]
    return True


cdef bint ends_all(object error):
    """Return whether `error` ends the program or the stack (Ctrl-C, a deadlock):

    then nobody waits for a lock first.
    """
    return isinstance(error, DeadlockError) or not isinstance(error, (Exception, Cancelled))


@cython.final
cdef class Lock(Awaited):
    """A lock that parks the task: ``threading.Lock``."""

    def __init__(self):
        """No arguments."""

    def __dealloc__(self):
        if self.holder is not None:  # dropped while it was held, as a condition's locks are
            self.holder.locks -= 1

    cdef bint take(self, double seconds) except -1:
        cdef Scheduler scheduler = get_scheduler()
        charge(scheduler, LOCK)
        if not self.held:
            self.belong(scheduler.current)
            return True
        return seconds != 0 and scheduler.wait(self.line, seconds, self) == 1

    cdef void belong(self, Fiber fiber) noexcept:
        """Let `fiber` have the lock; None: nobody."""
        if self.holder is not None:
            self.holder.locks -= 1
        self.holder = fiber
        self.held = fiber is not None
        if fiber is not None:
            fiber.locks += 1

    cdef int give(self) except -1:
        """Hand the lock on."""
        cdef Waiter waiter = self.line.wake_first()
        self.belong(None if waiter is None else <Fiber>waiter.fiber)
        self.held = waiter is not None  # it may be woken before its task is noted
        return 0

    cdef int restore(self, bint wait) except -1:
        """Take the lock after a wait that gave it up, whatever cancels the task; without `wait`,
        only if it is free."""
        cdef Fiber me = get_scheduler().current
        if not wait and self.held:
            self.lost = lose(self.lost, me, 1)
            return 0
        me.shields += 1  # a cancellation comes again at each wait; here it has to wait itself
        me.update()
        try:
            self.take(-1)
        except:
            self.lost = lose(self.lost, me, 1)
            raise
        finally:
            me.shields -= 1
            me.update()
        return 0

    cdef bint lacks(self) except -1:
        """Return whether the task that releases it has lost it while it waited at a condition, so that
        there is nothing to release."""
        cdef Fiber me = get_scheduler().current
        return self.lost is not None and not (self.held and self.holder is me) and forgive(self.lost, me)

    def acquire(self, bint blocking=True, timeout=-1) -> bool:
        """Take the lock, waiting at most `timeout` seconds (-1: as long as it takes). True if it was taken."""
        return self.take(acquiring(blocking, timeout))

    def release(self) -> None:
        """Hand the lock to the first who waits. RuntimeError if nobody holds it."""
        if self.lost is not None and self.lacks():
            return
        if not self.held:
            raise RuntimeError("release unlocked lock")
        self.give()

    def _is_owned(self):
        return self.held or has_lost(self.lost, get_scheduler().current)

    def _release_save(self):
        self.release()

    def _acquire_restore(self, saved):
        self.restore(True)

    def locked(self) -> bool:
        """True while somebody holds it."""
        peek()
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
        self.belong(None)
        self.lost = None
        self.line = WaitQueue()

    def __repr__(self):
        return f"<{'locked' if self.held else 'unlocked'} weft.Lock object at {id(self):#x}, {self.line.size} waiting>"


cdef class RLock(Awaited):
    """A lock that its owner may take again: ``threading.RLock``. The owner is a task."""

    cdef Fiber holder  # the task that has it, or None
    cdef Py_ssize_t count  # how many times that task has taken it
    cdef dict lost  # as a Lock's

    cdef bint take(self, double seconds) except -1:
        cdef Scheduler scheduler = get_scheduler()
        cdef Fiber me = scheduler.current
        if self.holder is me:
            self.count += 1
            return True
        charge(scheduler, LOCK)
        if self.holder is not None and (seconds == 0 or not scheduler.wait(self.line, seconds, self)):
            return False
        if self.holder is not me:  # it was free, not handed over
            self.belong(me)
        self.count = 1
        return True

    cdef void belong(self, Fiber fiber) noexcept:
        """Let `fiber` have the lock; None: nobody."""
        if self.holder is not None:
            self.holder.locks -= 1
        self.holder = fiber
        if fiber is not None:
            fiber.locks += 1

    def __dealloc__(self):
        if self.holder is not None:
            self.holder.locks -= 1

    cdef int give(self) except -1:
        """Hand the lock on; the next owner is named at once, so that nobody finds it free."""
        cdef Waiter waiter = self.line.wake_first()
        self.belong(None if waiter is None else <Fiber>waiter.fiber)
        self.count = 1
        return 0

    cdef int restore(self, Py_ssize_t count, bint wait) except -1:
        """Take the lock `count` times after a wait that gave it up, whatever cancels the task;
        without `wait`, only if it is free."""
        cdef Fiber me = get_scheduler().current
        if not wait and self.holder is not None:
            self.lost = lose(self.lost, me, count)
            return 0
        me.shields += 1
        me.update()
        try:
            self.take(-1)
        except:
            self.lost = lose(self.lost, me, count)
            raise
        finally:
            me.shields -= 1
            me.update()
        self.count = count
        return 0

    def acquire(self, bint blocking=True, timeout=-1) -> bool:
        """Take the lock (again), waiting at most `timeout` seconds (-1: as long as it takes). True if it was taken."""
        return self.take(acquiring(blocking, timeout))

    def release(self) -> None:
        """Undo one ``acquire``. RuntimeError if another task, or nobody, holds it."""
        cdef Fiber me = get_scheduler().current
        if self.holder is not me:
            if self.lost is not None and forgive(self.lost, me):
                return
            raise RuntimeError("cannot release un-acquired lock")
        self.count -= 1
        if self.count == 0:
            self.give()

    def locked(self) -> bool:
        """True while somebody holds it."""
        peek()
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
        cdef Fiber me = get_scheduler().current
        return self.holder is me or has_lost(self.lost, me)

    def _release_save(self):
        if self.holder is None or (self.lost is not None and self.holder is not get_scheduler().current):
            raise RuntimeError("cannot release un-acquired lock")
        count = self.count
        self.give()
        return count

    def _acquire_restore(self, Py_ssize_t count):
        self.restore(count, True)

    def _recursion_count(self):
        return self.count if self.holder is get_scheduler().current else 0

    def _at_fork_reinit(self):
        self.belong(None)
        self.lost = None
        self.count = 0
        self.line = WaitQueue()

    def __repr__(self):
        if self.holder is None:
            return f"<unlocked weft.RLock object owner=0 count=0 at {id(self):#x}>"
        return f"<locked weft.RLock object owner={self.holder} count={self.count} at {id(self):#x}, {self.line.size} waiting>"


cdef class Semaphore(Awaited):
    """A number of permits: ``threading.Semaphore``."""

    cdef Py_ssize_t value  # permits that nobody has

    def __init__(self, value=1):
        if value < 0:
            raise ValueError("semaphore initial value must be >= 0")
        self.value = value

    def acquire(self, bint blocking=True, timeout=None) -> bool:
        """Take a permit, waiting at most `timeout` seconds (None: as long as it takes). True if it was taken."""
        if not blocking and timeout is not None:
            raise ValueError("can't specify timeout for non-blocking acquire")
        peek()
        if self.value > 0:
            self.value -= 1
            return True
        cdef double seconds = 0 if not blocking else -1 if timeout is None else lasting(timeout)
        cdef Scheduler scheduler
        if seconds == 0:
            return False
        scheduler = get_scheduler()
        if self.value > 0:  # given back meanwhile: a thread's first scheduler takes a while to make
            self.value -= 1
            return True
        return scheduler.wait(self.line, seconds, self) == 1

    def release(self, n=1) -> None:
        """Give `n` permits back, to those who wait first."""
        cdef Py_ssize_t left = n
        if left < 1:
            raise ValueError("n must be one or more")
        if left > PY_SSIZE_T_MAX - self.value:
            raise OverflowError(f"a semaphore has at most {PY_SSIZE_T_MAX} permits")
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

    cdef Py_ssize_t bound  # permits that it began with

    def __init__(self, value=1):
        Semaphore.__init__(self, value)
        self.bound = value

    def release(self, n=1) -> None:
        """Give `n` permits back. ValueError if there were more than at the beginning."""
        cdef Py_ssize_t count = n
        if count < 1:
            raise ValueError("n must be one or more")
        if count > self.bound - self.value:
            raise ValueError("Semaphore released too many times")
        self.give(count)


cdef class Event(Awaited):
    """A flag that tasks wait for: ``threading.Event``."""

    def is_set(self) -> bool:
        """True while the flag is set."""
        peek()
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
        peek()
        if self.flag:
            return True
        cdef double seconds = -1 if timeout is None else waiting(timeout)
        cdef Scheduler scheduler
        if seconds == 0:
            return False
        scheduler = get_scheduler()
        # a thread's first scheduler takes a while to make
        return self.flag or scheduler.wait(self.line, seconds, self) == 1

    def _at_fork_reinit(self):
        self.line = WaitQueue()

    def __repr__(self):
        return f"<weft.Event at {id(self):#x}: {'set' if self.flag else 'unset'}>"


cdef class Condition(Awaited):
    """A condition variable: ``threading.Condition``."""

    cdef object lock  # weft's or anybody's
    cdef dict lost  # as a Lock's, for a lock that keeps no such notes
    cdef readonly object acquire  # the lock's own method
    cdef readonly object release

    def __init__(self, lock=None):
        if lock is None:
            lock = RLock()
        elif type(lock) in REAL:  # it would block the thread
            from weft._core.foreignlocks import cooperative

            lock = cooperative(lock)
        acquire, release = lock.acquire, lock.release
        self.lock, self.acquire, self.release = lock, acquire, release

    def __enter__(self):
        return self.lock.__enter__()

    def __exit__(self, *exception):
        if self.lost is not None and forgive(self.lost, get_scheduler().current):
            return None
        return self.lock.__exit__(*exception)

    cdef bint owned(self) except -1:
        if hasattr(self.lock, "_is_owned"):
            return self.lock._is_owned()
        if self.lock.acquire(False):
            self.lock.release()
            return False
        return True

    def wait(self, timeout=None) -> bool:
        """Release the lock, wait to be notified, at most `timeout` seconds, and take the lock again. True if notified.

        What ends the program (Ctrl-C, a DeadlockError) is raised though somebody else has the lock; leaving the block then does nothing.
        """
        cdef double limit = waiting(timeout)
        cdef Scheduler scheduler = get_scheduler()
        cdef Waiter waiter
        cdef bint woken
        if not self.owned():
            raise RuntimeError("cannot wait on un-acquired lock")
        waiter = Waiter.__new__(Waiter)
        self.line.join(waiter)
        try:
            save = getattr(self.lock, "_release_save", None)
            saved = save() if save is not None else self.lock.release()
        except:
            waiter.leave()
            raise
        try:
            woken = scheduler.park(waiter, limit, self)
        except BaseException as error:
            self.retake(saved, save is not None, not ends_all(error))
            raise
        try:
            self.retake(saved, save is not None, True)
        except:
            if woken:
                self.line.wake_one()  # the notification is for somebody who can use it
            raise
        return woken

    cdef int retake(self, saved, bint restore, bint wait) except -1:
        """Take the lock again, for the caller's ``with`` to release; a cancellation waits until then, and nothing else does.

        Without `wait`, take one of weft's own only if it is free. A lock that is not taken is one that the task has lost.
        """
        cdef Fiber me
        if isinstance(self.lock, Lock):
            return (<Lock>self.lock).restore(wait)
        if isinstance(self.lock, RLock):
            return (<RLock>self.lock).restore(saved, wait)
        me = get_scheduler().current
        me.shields += 1
        me.update()
        try:
            while True:
                try:
                    if restore:
                        self.lock._acquire_restore(saved)
                    else:
                        self.lock.acquire()
                    return 0
                except Cancelled:  # it was on its way before the shield was raised
                    continue
        except:
            self.lost = lose(self.lost, me, 1)
            raise
        finally:
            me.shields -= 1
            me.update()

    def wait_for(self, predicate, timeout=None):
        """Wait until ``predicate()`` is true, at most `timeout` seconds; returns its last value."""
        cdef double left, deadline = 0
        result = predicate()
        if result:
            return result
        left = lasting(timeout)
        deadline = monotonic() + left
        while not result:
            if timeout is not None and left <= 0:
                break
            self.wait(None if timeout is None else left)
            result = predicate()
            left = deadline - monotonic()
        return result

    def notify(self, n=1) -> None:
        """Wake `n` of those who wait; they go on when the caller releases the lock."""
        cdef Py_ssize_t left = self.line.size if n > self.line.size else n
        if not self.owned() and not has_lost(self.lost, get_scheduler().current):
            raise RuntimeError("cannot notify on un-acquired lock")
        while left > 0 and self.line.wake_one():
            left -= 1

    def notify_all(self) -> None:
        """Wake everybody who waits."""
        self.notify(self.line.size)

    def __repr__(self):
        return f"<weft.Condition({describe(self.lock)}), {self.line.size} waiting>"
