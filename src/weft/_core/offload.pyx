# cython: language_level=3, boundscheck=False, wraparound=False, binding=True
"""Calls that cannot park, on a pool of real threads, while their task is parked.

Invariants:
- A pool starts a thread only when a job finds none idle, has at most `limit` of them, and lets an
  idle one go after a while.
- A job that is queued is done: by a thread that was rung or begun for it, or by one that looks
  again before it rings off. It is taken back if its caller is interrupted before it began. If no
  thread can be started, those that work do it later; with none, the caller gets the error.
- A task that is cancelled, or whose timeout comes, leaves its job to run to its end; its result is
  dropped.
- Idle threads are told to the scheduler: they can wake nobody, so a deadlock is still seen.
- In a forked child the pool is empty. A job that forks ends the child when it returns there. A task
  that waits for a job when a handler forks gets RuntimeError in the child: the job is the parent's.
- While the interpreter finalizes no thread may run: a call then gets RuntimeError.
- A deaf pool's threads block every signal: one that the program blocks and waits for does not end
  up in a thread that it does not know.
- There is no lock. This module is compiled, so between two of its statements neither another thread
  runs nor a signal handler; what runs in one that calls Python code (a finalizer, at an allocation)
  finds the pool consistent. A lock here would be taken twice by a handler that offloads.
"""

from weft._core.queues cimport SimpleQueue

import _thread
import builtins
import os
import sys
from collections import deque
from signal import SIG_BLOCK, pthread_sigmask, valid_signals

from weft._core.deadlock import count_idle_threads

__all__ = ["ThreadPool", "offload"]

cdef object start_thread = _thread.start_new_thread
cdef object get_ident = _thread.get_ident
cdef object allocate_lock = _thread.allocate_lock
cdef object is_finalizing = sys.is_finalizing
cdef object AtTheEnd = getattr(builtins, "PythonFinalizationError", RuntimeError)  # since 3.13
LINGER = 10.0  # seconds that an idle thread waits for another job


cdef class Job:
    """One call: what to do, and what came of it."""

    cdef object fn
    cdef tuple args
    cdef dict kwargs
    cdef object value  # what it returned
    cdef object error  # what it raised, or None
    cdef SimpleQueue ended  # has an item when it is over
    cdef unsigned long caller  # the OS thread whose task waits

    cdef int run(self) except -1:
        fn, args, kwargs = self.fn, self.args, self.kwargs
        self.fn = self.args = self.kwargs = None  # what the caller gave is not kept by what comes back
        try:
            self.value = fn(*args, **kwargs)
        except BaseException as error:
            self.error = error
        return 0


cdef int end_child(object error) except -1:
    """A job has forked, and this is the child:

    it has no other thread and nobody who waits for the job.
    """
    status = 0
    try:
        if error is not None:
            status = 1
            sys.excepthook(type(error), error, error.__traceback__)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    except BaseException:
        pass
    os._exit(status)


cdef class ThreadPool:
    """At most `limit` real threads, started on need; `deaf` ones if what they run neither starts
    processes nor is the user's."""

    cdef object __weakref__
    cdef readonly Py_ssize_t limit
    cdef readonly bint deaf
    cdef readonly Py_ssize_t threads  # that were started and have not ended
    cdef object jobs  # a deque of those that nobody has begun
    cdef set awaited  # the jobs that a task waits for
    cdef list idle  # the bells of threads without a job; a bell is a lock that its thread waits for
    cdef object forks  # how often the process was forked: an int of its own for each child

    def __cinit__(self):
        self.reset()

    def __init__(self, Py_ssize_t limit, *, bint deaf=False):
        self.limit = limit
        self.deaf = deaf
        os.register_at_fork(after_in_child=self.reset)

    def reset(self) -> None:
        """Forget the threads and the jobs: they belong to the process that was forked."""
        cdef Job job
        awaited, self.awaited = self.awaited, set()
        self.jobs = deque()
        self.idle = []
        self.threads = 0
        self.forks = object()
        for job in awaited or ():
            if job.caller == get_ident():  # a signal handler forked while its caller waited
                job.error = RuntimeError("a fork left this call and its thread in the parent process")
                job.ended.put(None)

    def call(self, fn, /, *args, **kwargs):
        """Run ``fn(*args, **kwargs)`` on a thread of the pool; the task is parked meanwhile.

        Returns or raises what it does.
        """
        cdef Job job = Job.__new__(Job)
        job.fn = fn
        job.args = args
        job.kwargs = kwargs
        job.ended = SimpleQueue()
        job.caller = get_ident()
        self.awaited.add(job)
        self.jobs.append(job)
        try:
            self.summon()
            job.ended.take(-1)
        except BaseException:
            if job in self.jobs:
                self.jobs.remove(job)
            raise
        finally:
            self.awaited.discard(job)
        try:
            if job.error is not None:
                raise job.error
            return job.value
        finally:
            job = None

    cdef int summon(self) except -1:
        """Let a thread take the job that was queued."""
        if is_finalizing():  # an idle thread would end when it is rung; so would a new one on 3.11
            raise AtTheEnd("can't create new thread at interpreter shutdown")
        if self.idle:
            bell = self.idle.pop()
            count_idle_threads(-1)  # here and not on the thread: from now on it will wake somebody
            bell.release()
        elif self.threads < self.limit:
            self.threads += 1
            try:
                start_thread(self._work, ())
            except BaseException:
                self.threads -= 1
                if not self.threads:
                    raise
        return 0

    def _work(self) -> None:
        """What a thread does."""
        cdef Job job
        cdef object forks = self.forks
        if self.deaf:
            pthread_sigmask(SIG_BLOCK, valid_signals())
        while True:
            bell = allocate_lock()
            bell.acquire()
            while self.jobs:
                job = <Job>self.jobs.popleft()
                job.run()
                if self.forks is not forks:
                    end_child(job.error)
                job.ended.put(None)
                job = None
            self.idle.append(bell)
            count_idle_threads(1)
            if bell.acquire(True, LINGER):
                continue
            if bell in self.idle:
                self.idle.remove(bell)
                count_idle_threads(-1)
                self.threads -= 1
                return
            bell.acquire()  # rung just now


pool = ThreadPool(min(32, (os.cpu_count() or 1) + 4))


def offload(fn, /, *args, **kwargs):
    """Run ``fn(*args, **kwargs)`` on a real thread while the task is parked: for C libraries and disks, which cannot park.

    Returns or raises what it does. A task that is cancelled meanwhile goes on at once; the call itself runs to its end, unseen.
    """
    return pool.call(fn, *args, **kwargs)
