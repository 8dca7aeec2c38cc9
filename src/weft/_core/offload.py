"""Calls that cannot park, on a pool of real threads, while their task is parked.

Invariants:
- A pool starts a thread only when a job finds none idle, has at most `limit` of them, and lets an idle one go after a while.
- A task that is cancelled, or whose timeout comes, leaves its job to run to its end; its result is dropped.
- Idle threads are told to the scheduler: they can wake nobody, so a deadlock is still seen.
- In a forked child the pool is empty.
- A deaf pool's threads block every signal: one that the program blocks and waits for does not end up in a thread that it does not know.
"""

import _thread
import os
from collections import deque
from collections.abc import Callable
from signal import SIG_BLOCK, pthread_sigmask, valid_signals
from typing import Any, ParamSpec, TypeVar

from weft._core.deadlock import count_idle_threads
from weft._core.queues import SimpleQueue

__all__ = ["ThreadPool", "offload"]

P = ParamSpec("P")
T = TypeVar("T")

start_thread = _thread.start_new_thread
allocate_lock = _thread.allocate_lock

LINGER = 10.0  # seconds that an idle thread waits for another job


class Job:
    """One call: what to do, and where its end is told."""

    __slots__ = ("args", "ended", "error", "fn", "kwargs", "value")

    def __init__(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.fn = fn
        self.args = args
        self.kwargs = kwargs
        self.value: Any = None
        self.error: BaseException | None = None
        self.ended: SimpleQueue[None] = SimpleQueue()

    def run(self) -> None:
        fn, args, kwargs = self.fn, self.args, self.kwargs
        self.fn, self.args, self.kwargs = type(None), (), {}  # what the caller gave is not kept by what comes back
        try:
            self.value = fn(*args, **kwargs)
        except BaseException as error:
            self.error = error
        self.ended.put(None)


class ThreadPool:
    """At most `limit` real threads, started on need; `deaf` ones if what they run neither starts processes nor is the user's."""

    def __init__(self, limit: int, *, deaf: bool = False) -> None:
        self.limit = limit
        self.deaf = deaf
        self.reset()
        os.register_at_fork(after_in_child=self.reset)

    def reset(self) -> None:
        self.jobs: deque[Job] = deque()
        self.idle: deque[Any] = deque()
        self.threads = 0
        self.guard = allocate_lock()

    def call(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``fn(*args, **kwargs)`` on a thread of the pool; the task is parked meanwhile. Returns or raises what it does."""
        job = Job(fn, args, kwargs)
        with self.guard:
            self.jobs.append(job)
            if self.idle:
                count_idle_threads(-1)  # here and not on the thread: from now on it will wake somebody
                self.idle.pop().release()
            elif self.threads < self.limit:
                self.threads += 1
                try:
                    start_thread(self.work, ())
                except BaseException:
                    self.threads -= 1
                    if not self.threads:
                        self.jobs.remove(job)
                        raise
        try:
            job.ended.get()
        except BaseException:
            with self.guard:
                if job in self.jobs:
                    self.jobs.remove(job)
            raise
        try:
            if job.error is not None:
                raise job.error
            value: T = job.value
            return value
        finally:
            del job

    def work(self) -> None:
        if self.deaf:
            pthread_sigmask(SIG_BLOCK, valid_signals())
        bell = allocate_lock()
        bell.acquire()
        while True:
            with self.guard:
                job = self.jobs.popleft() if self.jobs else None
                if job is None:
                    self.idle.append(bell)
                    count_idle_threads(1)
            if job is not None:
                job.run()
                job = None
                continue
            if not bell.acquire(True, LINGER):
                with self.guard:
                    if bell in self.idle:
                        self.idle.remove(bell)
                        count_idle_threads(-1)
                        self.threads -= 1
                        return
                bell.acquire()  # rung just now


pool = ThreadPool(min(32, (os.cpu_count() or 1) + 4))


def offload(fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``fn(*args, **kwargs)`` on a real thread while the task is parked: for C libraries and disks, which cannot park.

    Returns or raises what it does. A task that is cancelled meanwhile goes on at once; the call itself runs to its end, unseen.
    """
    return pool.call(fn, *args, **kwargs)
