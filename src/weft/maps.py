"""One function over many items, in tasks: lazy on the input and on the output.

Rules:
- Nothing begins before the first result is asked for; then the input is read no further than there is room for results.
- One task at a time reads the input, which may park in doing so, and need not be reentrant.
- The first error, of the input or of a call, is raised in its place; the rest is cancelled.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from types import TracebackType
from typing import Any, Generic, TypeVar

from weft._core.cancellation import CancelScope
from weft._core.errors import Cancelled
from weft._core.sync import Event, Lock, Semaphore
from weft._core.task import Task, joinall, spawn

__all__ = ["Results", "map"]

T = TypeVar("T")


class Slot:
    """The place of one result."""

    done = False
    error: BaseException | None = None
    value: Any = None


class Work:
    """What the workers share. They do not hold the iterator that is read, so that it can be dropped while they wait for room."""

    def __init__(self, fn: Callable[..., Any], items: Iterator[Any], concurrency: int, buffer: int, ordered: bool, star: bool) -> None:
        self.fn = fn
        self.items = items
        self.star = star
        self.ordered = ordered
        self.limit = concurrency
        self.reading = Lock()
        self.room = Semaphore(concurrency + buffer)
        self.slots: deque[Slot] = deque()  # in the order of the input, or of the ends
        self.arrived = Event()
        self.workers: set[Task[None]] = set()
        self.exhausted = False
        self.taken = self.running = self.given = 0  # items: read, in work, and given to whoever iterates

    def hire(self) -> None:
        """One more worker."""
        worker = spawn(self.work)
        self.workers.add(worker)
        worker.add_done_callback(self.leave)

    def leave(self, worker: Task[None]) -> None:
        """A worker has ended."""
        self.workers.discard(worker)
        if not self.workers:
            self.arrived.set()

    def read(self, slot: Slot) -> Any:
        """The next item, whose place is `slot`. StopIteration if there is none."""
        with self.reading:
            self.room.acquire()
            if self.exhausted:
                raise StopIteration
            try:
                item = next(self.items)
            except BaseException as error:
                self.exhausted = True
                if not isinstance(error, (StopIteration, Cancelled)):
                    self.fail(slot, error)
                    raise StopIteration from None
                raise
            self.taken += 1
            self.running += 1
            if self.ordered:
                self.slots.append(slot)
            return item

    def end(self, slot: Slot) -> None:
        """`slot` has what it was made for."""
        slot.done = True
        if self.slots and self.slots[0] is slot:
            self.arrived.set()

    def fail(self, slot: Slot, error: BaseException) -> None:
        """`slot` has an error; nothing more is begun."""
        self.exhausted = True
        slot.error = error
        if slot not in self.slots:
            self.slots.append(slot)
        self.end(slot)

    def work(self) -> None:
        """What a worker does."""
        fn, star, ordered = self.fn, self.star, self.ordered
        while not self.exhausted:
            slot = Slot()
            try:
                item = self.read(slot)
            except StopIteration:
                return
            if len(self.workers) < self.limit and not self.exhausted:
                self.hire()
            try:
                slot.value = fn(*item) if star else fn(item)
            except Cancelled:
                self.fail(slot, CancelledError("the task of this item was cancelled"))
                raise
            except BaseException as error:
                self.fail(slot, error)
                return
            finally:
                self.running -= 1
            if not ordered:
                self.slots.append(slot)
            self.end(slot)
            del item, slot

    def first(self) -> Slot | None:
        """The next result; None after the last."""
        while True:
            if self.slots and self.slots[0].done:
                self.room.release()
                self.given += 1
                return self.slots.popleft()
            if not self.workers:
                return None
            self.arrived.clear()
            if not (self.slots and self.slots[0].done) and self.workers:  # it came on another thread meanwhile
                self.arrived.wait()

    def cancel(self) -> None:
        """Let the workers end."""
        self.exhausted = True
        for worker in list(self.workers):
            worker.cancel()


class Results(Generic[T]):
    """What ``weft.map`` returns: an iterator. As a context manager it ends what still runs when the block is left."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._asking = Lock()
        self._state = "new"

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many items were taken from the input, are in work now, and were given out."""
        return self._work.taken, self._work.running, self._work.given

    def __iter__(self) -> "Results[T]":
        return self

    def __next__(self) -> T:
        try:
            with self._asking:
                if self._state == "new":
                    self._state = "begun"
                    self._work.hire()
                slot = None if self._state == "closed" else self._work.first()
            if slot is None:
                raise StopIteration
            if slot.error is not None:
                self._state = "closed"
                if isinstance(slot.error, StopIteration):  # it would end the caller's loop as if all were well
                    raise RuntimeError("the function or the input raised StopIteration") from slot.error
                raise slot.error
        except StopIteration:
            raise
        except BaseException:
            self._work.cancel()
            raise
        value: T = slot.value
        return value

    def close(self) -> None:
        """End what still runs, and wait until it is over; no more results come."""
        self._state = "closed"
        self._work.cancel()
        with CancelScope(shield=True):
            joinall(list(self._work.workers))
        self._work.slots.clear()

    def __enter__(self) -> "Results[T]":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        self._work.cancel()


def map(
    fn: Callable[..., T], /, *iterables: Iterable[Any], concurrency: int = 100, ordered: bool = True, buffer: int | None = None
) -> Results[T]:
    """``fn(item)`` for each item, at most `concurrency` at a time; an iterator of the results, as the built-in ``map`` gives it.

    Lazy on both sides, so that the input may be endless: it is read as results are taken, and at most `buffer` (default: `concurrency`)
    of them wait. `ordered`: in the order of the input, or else as they come. An exception is raised in the place of its result, and
    the rest is cancelled. Use it as a context manager to end early: ``with weft.map(...) as results``.
    """
    if concurrency < 1:
        raise ValueError(f"concurrency is {concurrency}; it must be at least 1")
    if buffer is not None and buffer < 0:
        raise ValueError(f"buffer is {buffer}; it must be 0 or more")
    if not iterables:
        raise TypeError("map takes a function and at least one iterable")
    star = len(iterables) > 1
    items: Iterator[Any] = zip(*iterables, strict=False) if star else iter(iterables[0])
    return Results(Work(fn, items, concurrency, concurrency if buffer is None else buffer, ordered, star))
