"""A pool of tasks with the interface of ``multiprocessing.pool.Pool``."""

import logging
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Generic, TypeVar

from weft._core.sync import Semaphore
from weft.executors import Executor, Future
from weft.maps import Results, imap
from weft.maps import map as lazy_map

__all__ = ["Pool"]

T = TypeVar("T")

logger = logging.getLogger("concurrent.futures")  # where futures log theirs


class AsyncResult(Future[T], Generic[T]):
    """What ``apply_async`` returns: a future with the names of ``multiprocessing.pool.AsyncResult`` as well."""

    def get(self, timeout: float | None = None) -> T:
        """What the call returned or raised; TimeoutError if it is not over within `timeout` seconds."""
        return self.result(timeout)

    def wait(self, timeout: float | None = None) -> None:
        """Return when the call is over, or `timeout` seconds have passed."""
        with self._condition:
            self._condition.wait_for(self.done, timeout)

    def ready(self) -> bool:
        """True once the call is over."""
        return self.done()

    def successful(self) -> bool:
        """True if the call raised nothing. ValueError if it is not over."""
        if not self.done():
            raise ValueError(f"{self!r} is not ready")
        return not self.cancelled() and self.exception() is None


class _Calls(Executor):
    future = AsyncResult


def tell(callback: Callable[[Any], object] | None, outcome: object) -> None:
    """Call `callback`, if there is one, with what a call returned or raised."""
    if callback is not None:
        try:
            callback(outcome)
        except Exception:
            logger.exception("exception calling callback %r", callback)


class Pool:
    """At most `size` tasks at a time, whatever is asked of the pool: ``with Pool(10) as pool: pool.map(fetch, urls)``.

    Leaving the block waits for all; an exception in it cancels them. Methods are those of ``multiprocessing.pool.Pool``; arguments and
    results are not pickled, and tasks share memory.
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"size is {size}; it must be at least 1")
        self._size = size
        self._room = Semaphore(size)
        self._calls = _Calls(size)

    def _within(self, fn: Callable[..., T]) -> Callable[..., T]:
        """`fn`, which counts as one task of the pool while it runs."""

        def call(*args: Any, **kwargs: Any) -> T:
            with self._room:
                return fn(*args, **kwargs)

        return call

    def apply(self, func: Callable[..., T], args: Iterable[Any] = (), kwds: dict[str, Any] | None = None) -> T:
        """``func(*args, **kwds)`` in a task of the pool; returns or raises what it does."""
        return self.apply_async(func, args, kwds).get()

    def apply_async(
        self,
        func: Callable[..., T],
        args: Iterable[Any] = (),
        kwds: dict[str, Any] | None = None,
        callback: Callable[[T], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> AsyncResult[T]:
        """Let a task of the pool call ``func(*args, **kwds)``, and then `callback` with the result or `error_callback` with the error.

        As in ``multiprocessing``, the call is over when its callback has returned. What a callback raises is logged.
        """
        work = self._within(func)

        def call(*args: Any, **kwargs: Any) -> T:
            try:
                value = work(*args, **kwargs)
            except Exception as error:
                tell(error_callback, error)
                raise
            tell(callback, value)
            return value

        future = self._calls.submit(call, *args, **(kwds or {}))
        assert isinstance(future, AsyncResult)
        return future

    def _open(self) -> None:
        if self._calls._closed:
            raise ValueError("the pool is closed")

    def imap(self, func: Callable[..., T], *iterables: Iterable[Any]) -> Results[T]:
        """An iterator of ``func(item)`` in the order of the items; lazy on both sides, so that the input may be endless.

        An exception of a call is raised in the place of its result, and the iterator goes on.
        """
        self._open()
        return imap(self._within(func), iterables, self._size, True)

    def imap_unordered(self, func: Callable[..., T], *iterables: Iterable[Any]) -> Results[T]:
        """``imap``, but the results come as they are ready."""
        self._open()
        return imap(self._within(func), iterables, self._size, False)

    def map(self, func: Callable[..., T], *iterables: Iterable[Any]) -> list[T]:
        """The results of ``func(item)`` for every item, in order. The first exception is raised, and the rest cancelled."""
        self._open()
        return list(lazy_map(self._within(func), *iterables, concurrency=self._size))

    def starmap(self, func: Callable[..., T], iterable: Iterable[Iterable[Any]]) -> list[T]:
        """``map`` with items that are tuples of arguments."""
        return self.map(lambda args: func(*args), iterable)

    def close(self) -> None:
        """Take no more calls."""
        self._calls.shutdown(wait=False)

    def terminate(self) -> None:
        """Take no more calls, and cancel those that run and those that wait."""
        self._calls.terminate()

    def join(self) -> None:
        """Wait until all calls are over. ValueError unless the pool is closed."""
        if not self._calls._closed:
            raise ValueError("the pool is still open; close() or terminate() comes first")
        self._calls.shutdown()

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if error is None:
            self.close()
            self.join()
        else:
            self.terminate()

    def __repr__(self) -> str:
        return f"<weft.Pool of {self._size}: {self._calls!r}>"
