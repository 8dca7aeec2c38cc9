"""Infinite lists: lazy, memoized, sliceable sequences."""

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, Generic, TypeVar, overload

from weft._core.sync import RLock

__all__ = ["LazyList"]

T = TypeVar("T")


class LazyList(Generic[T]):
    """A list of which as much is there as was asked for: ``LazyList(itertools.count())[5:8]``.

    `items` is read once, as far as needed, and what was read is kept. An index gives an item; a slice with an end gives a list; a slice
    without one gives another LazyList over the same items. What would need an end (a negative index, ``len()``, ``reversed()``) raises.
    Any number of tasks may use it, and the items may be computed from the list itself.
    """

    def __init__(self, items: Iterable[T]) -> None:
        self._source = iter(items)
        self._known: list[T] = []
        self._ended = False
        self._reading = RLock()

    def _reach(self, count: int | None) -> None:
        """Read until `count` items are known, or all (None)."""
        while not self._ended and (count is None or len(self._known) < count):
            with self._reading:
                if self._ended or (count is not None and len(self._known) >= count):
                    return
                try:
                    self._known.append(next(self._source))
                except StopIteration:
                    self._ended = True

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> "list[T] | LazyList[T]": ...
    def __getitem__(self, index: Any) -> Any:
        if not isinstance(index, slice):
            position = index.__index__()
            if position < 0:
                raise IndexError("a lazy list has no end to count from; take list(...) of one that is finite")
            self._reach(position + 1)
            if position >= len(self._known):
                raise IndexError(f"index {position} is out of range: the list has {len(self._known)} items")
            return self._known[position]
        start, stop, step = index.start or 0, index.stop, 1 if index.step is None else index.step
        if start < 0 or (stop is not None and stop < 0) or step < 1:
            raise ValueError(f"a lazy list has no end to count from: {index} is not for it")
        if stop is None:
            return LazyList(itertools.islice(iter(self), start, None, step))
        self._reach(stop)
        return self._known[start:stop:step]

    def __iter__(self) -> Iterator[T]:
        position = 0
        while True:
            self._reach(position + 1)
            if position >= len(self._known):
                return
            yield self._known[position]
            position += 1

    def __repr__(self) -> str:
        shown = ", ".join(map(repr, self._known[:10]))
        more = "" if self._ended and len(self._known) <= 10 else ", ..." if shown else "..."
        return f"LazyList([{shown}{more}])"
