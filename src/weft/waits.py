"""Waiting for several tasks, with the interface of ``concurrent.futures``."""

import time
from _queue import Empty
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from weft._core.queues import SimpleQueue
from weft._core.task import Task
from weft._core.timers import read_seconds

__all__ = ["as_completed", "wait"]

T = TypeVar("T")

ORDERS = ("ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION")
clock = time.monotonic


class DoneAndNotDone(NamedTuple):
    """What ``wait`` returns: two sets of tasks."""

    done: set[Task[Any]]
    not_done: set[Task[Any]]


def ended(tasks: set[Task[T]], timeout: float | None) -> Iterator[Task[T] | None]:
    """Each task as it ends; None once `timeout` seconds have passed."""
    limit = read_seconds(timeout)
    for task in tasks:
        if not isinstance(task, Task):
            raise TypeError(f"weft.wait and weft.as_completed take tasks, not {task!r}")
    deadline = None if limit is None else clock() + limit
    queue: SimpleQueue[Task[T]] = SimpleQueue()
    for task in tasks:
        task.add_done_callback(queue.put)
    for _ in tasks:
        left = None if deadline is None else max(deadline - clock(), 0)
        try:
            yield queue.get(timeout=left)
        except Empty:
            yield None
            return


def as_completed(tasks: Iterable[Task[T]], timeout: float | None = None) -> Iterator[Task[T]]:
    """Yield each of `tasks` as it ends; raises TimeoutError `timeout` seconds (None: never) after the call."""
    waited = set(tasks)
    for task in ended(waited, timeout):
        if task is None:
            unfinished = sum(not task.done() for task in waited)
            raise TimeoutError(f"{unfinished} (of {len(waited)}) tasks unfinished")
        yield task


def wait(tasks: Iterable[Task[Any]], timeout: float | None = None, return_when: str = "ALL_COMPLETED") -> DoneAndNotDone:
    """Wait for `tasks`, at most `timeout` seconds (None: as long as it takes); returns the sets of those done and not done.

    `return_when` is ``"ALL_COMPLETED"``, ``"FIRST_COMPLETED"`` or ``"FIRST_EXCEPTION"``, as in ``concurrent.futures.wait``.
    """
    if return_when not in ORDERS:
        raise ValueError(f"return_when is {return_when!r}; it takes one of {', '.join(map(repr, ORDERS))}")
    waited = set(tasks)
    for task in ended(waited, timeout):
        if task is None or return_when == "FIRST_COMPLETED":
            break
        if return_when == "FIRST_EXCEPTION" and not task.cancelled() and task.exception() is not None:
            break
    done = {task for task in waited if task.done()}
    return DoneAndNotDone(done, waited - done)
