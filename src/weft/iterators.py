"""Iterators from plain code: a function that emits, at any depth of calls, becomes an iterator.

Rules:
- The function runs on a stack of its own, in the task of whoever asks for the next item; what it waits for parks that task.
- Dropping or closing the iterator ends the function where it stands: GeneratorExit is raised there, and its clean-up runs.
- Cancel scopes that it is in while it emits stay with it; they do not concern its caller.
- It has a copy of the context (``contextvars``) of whoever made it.
"""

import functools
from collections.abc import Callable
from contextvars import copy_context
from types import TracebackType
from typing import Any, Generic, ParamSpec, TypeVar, cast

from greenlet import getcurrent, greenlet

from weft._core.cancellation import put_scopes, take_scopes
from weft.native import get_ident

__all__ = ["Emitter", "emit", "iterator"]

P = ParamSpec("P")
T = TypeVar("T")


class Stack(greenlet):
    """What the function runs on."""

    base: Any = None  # the innermost cancel scope of whoever asks


class Emitter(Generic[T]):
    """The iterator; it has the methods of a generator, and is a context manager that closes it."""

    def __init__(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._call: Any = fn, args, kwargs
        self._stack: Stack | None = Stack(start)
        self._stack.gr_context = copy_context()
        self._running = False
        self._thread = get_ident()

    def _switch(self, method: str, *words: Any) -> T:
        """Go on with the function, until it emits or ends."""
        stack = self._stack
        if self._running:
            raise ValueError("the iterator is already executing")
        if stack is None:
            raise StopIteration
        stack.parent = getcurrent()
        self._running = True
        try:
            outcome, value = getattr(stack, method)(*words)
        except BaseException:
            self._stack = None
            raise
        finally:
            self._running = False
        if outcome:
            self._stack = None
            raise StopIteration(value)
        item: T = value
        return item

    def __iter__(self) -> "Emitter[T]":
        return self

    def __next__(self) -> T:
        return self.send(None)

    def send(self, value: Any) -> T:
        """Go on; ``emit`` returns `value` there. Returns the next item."""
        if self._call is not None:
            if value is not None:
                raise TypeError("can't send a value to an iterator that has not begun")
            call, self._call = self._call, None
            return self._switch("switch", *call)
        return self._switch("switch", value)

    def throw(self, error: BaseException) -> T:
        """Raise `error` where the function stands. Returns the next item, if it goes on."""
        if self._call is not None:
            self._call = self._stack = None
            raise error
        if self._stack is None:
            raise error
        return self._switch("switch", Thrown(error))

    def close(self) -> None:
        """End the function: GeneratorExit is raised where it stands. RuntimeError if it emits nevertheless."""
        if self._call is not None or self._stack is None:
            self._call = self._stack = None
            return
        try:
            self.throw(GeneratorExit())
        except (GeneratorExit, StopIteration):
            return
        raise RuntimeError("the function emitted although it was told to end")

    def __enter__(self) -> "Emitter[T]":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        # on another OS thread than its own, greenlet ends the stack later, by GreenletExit
        if self._stack is not None and not self._running and self._thread == get_ident():
            self.close()


class Thrown:
    """An exception on its way into a function that stands still."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


def settle(scopes: Any) -> None:
    """The function goes on: put its scopes, which were taken off, on those of whoever asks now."""
    stack = getcurrent()
    assert isinstance(stack, Stack)
    stack.base = put_scopes(scopes)


def start(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[bool, Any]:
    """The first thing on the stack."""
    settle(None)
    try:
        return True, fn(*args, **kwargs)
    except StopIteration as error:
        raise RuntimeError("the function raised StopIteration") from error
    finally:
        # A scope that the function leaves open would stay on its consumer's chain for good.
        take_scopes(cast(Stack, getcurrent()).base)


def emit(item: Any) -> Any:
    """Give `item` to whoever iterates, and wait until the next is asked for; returns what ``send`` was given, else None.

    RuntimeError outside of a function made an iterator by ``weft.iterator``.
    """
    stack = getcurrent()
    if not isinstance(stack, Stack):
        raise RuntimeError("emit() is for functions that weft.iterator made iterators, and in their own task")
    asker, base = stack.parent, stack.base
    del stack  # a suspended frame that held its own stack would keep it for ever
    assert asker is not None
    scopes = take_scopes(base)
    try:
        told = asker.switch((False, item))
    finally:  # GreenletExit, too, leaves the scopes in order
        del asker
        settle(scopes)
    if isinstance(told, Thrown):
        try:
            raise told.error
        finally:
            del told
    return told


def iterator(fn: Callable[P, Any]) -> Callable[P, Emitter[Any]]:
    """Make of `fn`, plain code that calls ``weft.emit(item)`` at any depth of calls, a function that returns an iterator of those items.

    Nothing runs before the first item is asked for. Leaving a ``for`` loop early, closing or dropping the iterator runs its clean-up.
    """

    @functools.wraps(fn)
    def make(*args: P.args, **kwargs: P.kwargs) -> Emitter[Any]:
        return Emitter(fn, args, kwargs)

    return make
