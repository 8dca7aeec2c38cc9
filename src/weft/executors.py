"""``concurrent.futures`` over tasks: an executor whose workers cost nothing while they wait.

Rules:
- A call runs on the OS thread that made the executor, wherever it was submitted: asyncio's ``run_in_executor`` may be given one.
- There are as many workers as there are calls to make, and never more than the limit; one that finds nothing to do ends.
"""

import concurrent.futures
from collections import deque
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from weft._core.cancellation import CancelScope
from weft._core.errors import Cancelled
from weft._core.sync import Condition, Event
from weft._core.task import Task, home, spawn_at

__all__ = ["Executor", "Future"]

P = ParamSpec("P")
T = TypeVar("T")


class Future(concurrent.futures.Future[T]):
    """A future whose ``result`` parks the task; else as in ``concurrent.futures``."""

    def __init__(self) -> None:
        super().__init__()
        self._condition = Condition()  # type: ignore[assignment]


class Executor(concurrent.futures.Executor):
    """An executor that runs each call in a task, at most `max_workers` at a time (None: all at once).

    Arguments, methods and errors are those of ``concurrent.futures.Executor``. To wait for its futures, use ``weft.wait`` and
    ``weft.as_completed``; those of ``concurrent.futures`` park after ``patch_all()`` only.
    """

    future: type[Future[Any]] = Future

    def __init__(self, max_workers: int | None = None) -> None:
        if max_workers is not None and max_workers < 1:
            raise ValueError("max_workers must be greater than 0")
        self._limit = max_workers
        self._home = home()
        self._jobs: deque[tuple[Future[Any], Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = deque()
        self._workers: set[Task[None]] = set()
        self._closed = False
        self._idle = Event()
        self._idle.set()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run ``fn(*args, **kwargs)`` in a task; returns its future at once. RuntimeError after ``shutdown``."""
        if self._closed:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future = self.future()
        job = future, fn, args, kwargs
        self._jobs.append(job)
        try:
            self._hire()
        except BaseException:
            if not self._workers and job in self._jobs:  # nobody will do it
                self._jobs.remove(job)
            raise
        return future

    def _hire(self) -> None:
        """One more worker, if there may be."""
        if self._limit is None or len(self._workers) < self._limit:
            worker = spawn_at(self._home, self._work)
            self._workers.add(worker)
            self._idle.clear()
            worker.add_done_callback(self._ended)

    def _work(self) -> None:
        while True:
            try:
                future, fn, args, kwargs = self._jobs.popleft()
            except IndexError:  # not asked for before: between two steps a finalizer may let another worker take the last one
                return
            if not future.set_running_or_notify_cancel():
                continue
            try:
                value = fn(*args, **kwargs)
            except Cancelled:  # by terminate()
                future.set_exception(concurrent.futures.CancelledError("the executor was terminated"))
                raise
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(value)
            del future, fn, args, kwargs

    def _ended(self, worker: Task[None]) -> None:
        self._workers.discard(worker)
        if self._jobs:  # it was cancelled, or another thread submitted something while it ended
            self._hire()
        if not self._workers:
            self._idle.set()

    def _cancel_jobs(self) -> None:
        jobs, self._jobs = self._jobs, deque()  # at once: none begins while others are cancelled
        for future, *_ in jobs:
            future.cancel()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; with `wait`, return when all that were submitted are over; with `cancel_futures`, cancel those not begun."""
        self._closed = True
        if cancel_futures:
            self._cancel_jobs()
        if wait:
            self._idle.wait()

    def terminate(self) -> None:
        """Take no more calls, cancel those that have begun and those that have not, and wait until they are over."""
        self._closed = True
        self._cancel_jobs()
        for worker in list(self._workers):
            worker.cancel()
        with CancelScope(shield=True):
            self._idle.wait()

    def __repr__(self) -> str:
        limit = self._limit or "any number of"
        return f"<weft.{type(self).__name__}: {len(self._workers)} of {limit} workers, {len(self._jobs)} calls waiting>"
