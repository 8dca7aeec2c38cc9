"""Cancelling a piece of code at every point where it can be cancelled."""

from collections.abc import Callable

from weft._core.fiber import Fiber, countdown_of, set_countdown
from weft._core.task import Task, spawn

__all__ = ["cancel_everywhere"]

Scenario = tuple[Callable[[], object], Callable[[], object]]


def cancel_everywhere(make: Callable[[], Scenario]) -> int:
    """Cancel a task at its first wait, then, in a new run, at its second, until it ends first; each both before and while it waits.

    ``make()`` sets everything up anew and returns two functions: the body, which runs in a task, and the check, which runs after each
    (it finds out that nothing was lost and nothing is left, and asserts it). What the body or the check raises is raised, with a note
    that says where the body was cancelled. Returns how many points there were.
    """
    points = 0
    for how in (before, during):
        wait = 0
        while True:
            wait += 1
            body, check = make()
            task = spawn(body)
            set_countdown(task, wait, how)
            try:
                task.join()
                over = countdown_of(task) > 0
                if not task.cancelled():
                    task.result()
                check()
            except BaseException as error:
                error.add_note(f"the body was cancelled {how.__name__} its wait number {wait}")
                raise
            if over:
                break
            points += 1
    return points


def before(task: Fiber) -> None:
    """It finds itself cancelled when it would wait."""
    assert isinstance(task, Task)
    task.cancel()


def during(task: Fiber) -> None:
    """It is cancelled by another task when it waits already."""
    assert isinstance(task, Task)
    spawn(task.cancel)
