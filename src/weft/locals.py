"""Values that belong to a task and that the tasks it spawns inherit."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Generic, TypeVar

__all__ = ["TaskLocal"]

T = TypeVar("T")


class Missing:
    """There is no default."""


MISSING = Missing()


class TaskLocal(Generic[T]):
    """A variable with a value for each task: ``user = TaskLocal("user", default=None)``.

    A task begins with the values that its spawner had then; what it sets concerns itself and the tasks that it spawns later. It is
    a ``contextvars.ContextVar`` (``.variable``), so it holds in asyncio's tasks too. ``weft.local`` is what is not inherited.
    """

    def __init__(self, name: str, *, default: T | Missing = MISSING) -> None:
        self.variable: ContextVar[T] = ContextVar(name) if isinstance(default, Missing) else ContextVar(name, default=default)

    def get(self) -> T:
        """The value in this task. LookupError if it has none and there is no default."""
        return self.variable.get()

    def set(self, value: T) -> None:
        """Set the value for this task, and for those that it spawns from now on."""
        self.variable.set(value)

    @contextmanager
    def bound(self, value: T) -> Iterator[T]:
        """Set the value during a block."""
        token = self.variable.set(value)
        try:
            yield value
        finally:
            self.variable.reset(token)

    def __repr__(self) -> str:
        return f"<weft.TaskLocal {self.variable.name!r}>"
