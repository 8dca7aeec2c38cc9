"""Generator coroutines as tasks: what is sent to one waits in line, and it runs beside its sender.

A coroutine is a generator function in the manner of the seed: ``item = yield`` waits for what is sent, ``yield item`` gives something out.
``@weft.coroutine`` makes each call of it a task of its own.
"""

import functools
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Generic, ParamSpec, TypeVar

from weft._core.channel import Channel
from weft._core.errors import ChannelClosed
from weft._core.task import Task, spawn
from weft.iterators import Thrown

__all__ = ["Coroutine", "broadcast", "coroutine"]

P = ParamSpec("P")
T = TypeVar("T")


class Coroutine(Generic[T]):
    """A generator that runs in a task: what ``@weft.coroutine`` makes.

    What it yields but None can be received by iterating over it; `capacity` items wait on either side before the sender waits.
    """

    def __init__(self, generator: Generator[Any, Any, Any], capacity: int = 1) -> None:
        self._generator = generator
        self._inbox: Channel[Any] = Channel(capacity)
        self._outbox: Channel[T] = Channel(capacity)
        name = f"coroutine {getattr(generator, '__name__', generator)}"
        self.task: Task[Any] = spawn(self._run)
        self.task.name = name

    def _run(self) -> Any:
        generator = self._generator
        with self._inbox, self._outbox:
            try:
                given = next(generator)
                while True:
                    if given is not None:
                        self._outbox.send(given)
                        given = next(generator)
                        continue
                    try:
                        item = self._inbox.receive()
                    except ChannelClosed:
                        return None
                    given = generator.throw(item.error) if isinstance(item, Thrown) else generator.send(item)
            except StopIteration as end:
                return end.value
            finally:
                generator.close()

    def send(self, item: Any) -> None:
        """Give `item` to ``item = yield``; returns when it is in the coroutine's line. Raises ChannelClosed once it has ended."""
        self._inbox.send(item)

    def throw(self, error: BaseException) -> None:
        """Raise `error` where the coroutine stands, after what was sent before."""
        self._inbox.send(Thrown(error))

    def close(self) -> None:
        """Let it deal with what was sent, then end it (GeneratorExit at its ``yield``), and wait; raises what it raised."""
        self._inbox.close()
        self.task.result()

    def result(self, timeout: float | None = None) -> Any:
        """Wait until it has ended; what it returned or raised."""
        return self.task.result(timeout)

    def __iter__(self) -> "Coroutine[T]":
        return self

    def __next__(self) -> T:
        try:
            return self._outbox.receive()
        except ChannelClosed:
            self.task.result()  # if it failed, the loop must not end as if all were well
            raise StopIteration from None

    def __enter__(self) -> "Coroutine[T]":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if error is None:
            self.close()
        else:
            self.task.cancel()
            self.task.join()

    def __repr__(self) -> str:
        return f"<weft.Coroutine {self.task!r}>"


def coroutine(fn: Callable[P, Generator[Any, Any, Any]]) -> Callable[P, Coroutine[Any]]:
    """Make each call of the generator function `fn` a task: ``send`` to it, iterate over what it yields, ``close`` it."""

    @functools.wraps(fn)
    def start(*args: P.args, **kwargs: P.kwargs) -> Coroutine[Any]:
        return Coroutine(fn(*args, **kwargs))

    return start


@coroutine
def broadcast(targets: Iterable[Any]) -> Generator[Any, Any, None]:
    """A coroutine that sends each item on to every one of `targets` (whatever has ``send``), and closes them at its end."""
    targets = list(targets)
    with ExitStack() as closing:  # each is closed, whatever another's close() raises
        for target in reversed(targets):
            closing.callback(target.close)
        while True:
            item = yield
            for target in targets:
                target.send(item)
