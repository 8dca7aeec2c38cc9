"""Structured concurrency: tasks that end before the block in which they were begun.

Rules:
- The block is left when every task of the group has ended; a task may add others to the group until
  then. There are two exceptions, so that Ctrl-C and a DeadlockError get out though a task shields
  itself: see ``_wait``.
- The first failure, of a task or of the body, cancels all the rest; each failure is reported, in one ExceptionGroup.
- A task that is cancelled is no failure. Ctrl-C, DeadlockError, SystemExit and GeneratorExit of the
  body pass as they are; the failures are their cause.
- What an ended task leaves behind is its result if that is not None, so that a server may spawn in one group for ever.
"""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal, ParamSpec, TypeVar, overload

from weft._core.cancellation import CancelScope
from weft._core.errors import Cancelled, DeadlockError
from weft._core.sync import Event, Semaphore
from weft._core.task import Task, home, spawn_at
from weft._core.timers import clock

__all__ = ["TaskGroup", "first", "first_n", "gather"]

P = ParamSpec("P")
T = TypeVar("T")

# seconds that cancelled tasks have to end after Ctrl-C; those that shield themselves longer are
# left behind
GRACE = 2.0
BARE = (DeadlockError, KeyboardInterrupt, SystemExit, GeneratorExit)  # never put into a group


class TaskGroup:
    """Tasks that live as long as a block: ``with TaskGroup() as tg: tg.spawn(f, x)``.

    `limit`: at most so many run at a time; ``spawn`` then waits for room (a task of the group that spawns into it holds a place itself).
    Leaving the block waits for all tasks. If one fails, or the body does, the others and the body are cancelled, and an ExceptionGroup
    of all failures is raised.
    """

    def __init__(self, *, limit: int | None = None) -> None:
        if limit is not None and limit < 1:
            raise ValueError(f"limit is {limit}; it must be at least 1, or None")
        self.cancel_scope = CancelScope()
        self._room = None if limit is None else Semaphore(limit)
        self._live: dict[Task[Any], int] = {}
        self._values: dict[int, Any] = {}
        self._errors: list[BaseException] = []
        self._spawned = self._arriving = 0
        self._empty = Event()
        self._state = "new"
        self._home = home()

    def __enter__(self) -> "TaskGroup":
        if self._state != "new":
            raise RuntimeError("a task group is entered once; make a new one")
        self.cancel_scope.__enter__()
        self._state = "open"
        return self

    def spawn(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Task[T]:
        """Start ``fn(*args, **kwargs)`` as a task of the group, on the group's OS thread; returns it. From any thread.

        RuntimeError once the block has been left.
        """
        if self._state != "open":
            raise RuntimeError(f"the task group is {self._state}; tasks are spawned inside its block")
        if self._room is not None:
            self._room.acquire()
            if self._state != "open":  # left while this call waited
                self._room.release()
                raise RuntimeError(f"the task group is {self._state}; tasks are spawned inside its block")
        self._arriving += 1  # on another thread than the group's, the task may be over before it is in the list
        try:
            task = spawn_at(self._home, fn, *args, **kwargs)
        except BaseException:
            self._arrive()
            if self._room is not None:
                self._room.release()
            raise
        self._live[task] = self._spawned
        self._spawned += 1
        self._arrive()
        task.add_done_callback(self._ended)
        if self.cancel_scope.cancel_called:
            task.cancel()
        return task

    def cancel(self) -> None:
        """Cancel every task and the body; the block then ends quietly. From any thread."""
        self.cancel_scope.cancel()
        for task in list(self._live):
            task.cancel()

    @property
    def results(self) -> list[Any]:
        """What the tasks returned, in the order in which they were spawned; None for one that has not ended, or has failed."""
        return [self._values.get(index) for index in range(self._spawned)]

    def _arrive(self) -> None:
        self._arriving -= 1
        if not self._arriving and not self._live:
            self._empty.set()

    def _ended(self, task: Task[Any]) -> None:
        index = self._live.pop(task)
        try:
            if self._room is not None:
                self._room.release()
            if not task.cancelled():
                error = task.exception()
                if error is not None:
                    if not issubclass(type(error), BARE):  # those have gone to the main task
                        self._errors.append(error)
                    self.cancel()
                elif (value := task.result()) is not None:
                    self._values[index] = value
        finally:
            if not self._live:
                self._empty.set()

    def _wait(self, interruption: BaseException | None) -> BaseException | None:
        """Wait until no task is left; returns what the block is left with: `interruption`, the body's own error, or one of now.

        The first interruption cancels the tasks. If it was no cancellation, they have ``GRACE`` seconds
        to end. A second interruption gets out at once.
        """
        deadline = None
        while self._live or self._arriving:
            self._empty.clear()
            if not self._live and not self._arriving:  # ended on another thread meanwhile
                break
            try:
                with CancelScope(shield=interruption is not None, deadline=deadline) as waiting:
                    self._empty.wait()
                if waiting.cancelled_caught:
                    break
            except BaseException as error:
                self.cancel()
                if isinstance(error, Cancelled):
                    interruption = interruption or error
                    continue
                last = deadline is not None or (interruption is not None and isinstance(error, DeadlockError))
                interruption = error
                if last:
                    break
                if not isinstance(error, DeadlockError):
                    deadline = clock() + GRACE
        return interruption

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> bool:
        if error is not None:
            self.cancel()
        raised = self._wait(error)
        self._state = "closed"
        if self.cancel_scope.__exit__(None if raised is None else type(raised), raised, None):
            raised = None
        errors, self._errors = self._errors, []
        try:
            if isinstance(raised, Cancelled) and errors:
                raised = None  # it comes again at the next wait
            if raised is None and not errors:
                return True
            if raised is None or not isinstance(raised, (Cancelled, *BARE)):
                errors = [*([] if raised is None else [raised]), *errors]
                raise BaseExceptionGroup(f"{len(errors)} of the tasks in a group failed", errors) from None
            if errors:
                raise raised from BaseExceptionGroup(f"{len(errors)} of the tasks in a group failed", errors)
            if raised is error:
                return False
            raise raised
        finally:
            del errors, raised, error

    def __repr__(self) -> str:
        return f"<weft.TaskGroup {self._state}: {len(self._live)} of {self._spawned} tasks live>"


@overload
def gather(*calls: Callable[[], T], limit: int | None = None, return_exceptions: Literal[False] = False) -> list[T]: ...
@overload
def gather(*calls: Callable[[], T], limit: int | None = None, return_exceptions: bool) -> list[T | Exception]: ...
def gather(*calls: Callable[[], Any], limit: int | None = None, return_exceptions: bool = False) -> list[Any]:
    """Call each of `calls` in a task of its own, at most `limit` at a time; returns what they returned, in their order.

    The first failure cancels the rest, and an ExceptionGroup is raised; with `return_exceptions` an Exception stands in the place
    of the result, and all go on to their end.
    """

    def keep(call: Callable[[], Any]) -> Any:
        try:
            return call()
        except Exception as error:
            return error

    with TaskGroup(limit=limit) as group:
        for call in calls:
            if return_exceptions:
                group.spawn(keep, call)
            else:
                group.spawn(call)
    return group.results


def first_n(n: int, /, *calls: Callable[[], T]) -> list[T]:
    """Call all of `calls` at once; returns the results of the first `n` that succeed, in the order in which they did, and cancels the rest.

    Raises an ExceptionGroup of the failures as soon as fewer than `n` can still succeed; ValueError if there are fewer than `n` calls.
    """
    if not 0 <= n <= len(calls):
        raise ValueError(f"cannot wait for the first {n} of {len(calls)} calls")
    values: list[T] = []
    failures: list[Exception] = []

    def attempt(call: Callable[[], T]) -> None:
        try:
            value = call()
        except Exception as error:
            failures.append(error)
            if len(calls) - len(failures) < n:
                group.cancel()
            return
        if len(values) < n:
            values.append(value)
        if len(values) == n:
            group.cancel()

    if n == 0:
        return values
    with TaskGroup() as group:
        for call in calls:
            group.spawn(attempt, call)
    if len(values) < n:
        raise ExceptionGroup(f"{len(failures)} of {len(calls)} calls failed", failures)
    return values


def first(*calls: Callable[[], T]) -> T:
    """Call all of `calls` at once; returns what the first that succeeds returns, and cancels the rest. ExceptionGroup if all fail."""
    return first_n(1, *calls)[0]
