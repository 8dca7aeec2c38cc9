"""Pipelines: ``source | stage(fn, concurrency=8) | batch(100) | sink(store)``.

Rules:
- Nothing runs before the pipeline is iterated over or ``run``; then every stage works at once, and each reads no further than there is room
  for what it makes: a slow stage slows those before it, and memory stays flat.
- An error in any stage stops the whole pipeline and is raised to whoever iterates; what ran is over then.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple, Protocol

from weft.maps import map as lazy_map

__all__ = ["Pipeline", "batch", "sink", "stage"]


class Count(NamedTuple):
    """How far a stage has come: items taken in, in work now, and given out."""

    name: str
    taken: int
    running: int
    given: int


class Running(Protocol):
    """A step at work: an iterator that can be ended early, and that counts."""

    @property
    def counts(self) -> tuple[int, int, int]: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __next__(self) -> Any: ...
    def close(self) -> None: ...


def name_of(thing: object) -> str:
    return str(getattr(thing, "__name__", type(thing).__name__))


class Step:
    """A part of a pipeline, before it runs: a description, which may stand in several."""

    name: str

    def open(self, items: Iterator[Any]) -> Running:
        """Begin to work on `items`."""
        raise NotImplementedError

    def __ror__(self, source: Iterable[Any]) -> "Pipeline":
        return Pipeline(source, (self,))

    def __repr__(self) -> str:
        return self.name


class stage(Step):  # used as a function is
    """Call ``fn(item)`` for each item, at most `concurrency` at a time; what it returns goes on.

    `ordered`: in the order of the items, or as they are ready. At most `buffer` results (default: `concurrency`) wait for the next stage.
    """

    def __init__(
        self, fn: Callable[[Any], Any], *, concurrency: int = 1, ordered: bool = True, buffer: int | None = None, name: str | None = None
    ) -> None:
        lazy_map(fn, (), concurrency=concurrency, buffer=buffer)  # says what is wrong with them
        self.fn = fn
        self.concurrency = concurrency
        self.ordered = ordered
        self.buffer = buffer
        self.name = name or name_of(fn)

    def open(self, items: Iterator[Any]) -> Running:
        return lazy_map(self.fn, items, concurrency=self.concurrency, buffer=self.buffer, ordered=self.ordered)


class sink(stage):
    """A stage for what is done with each item at the end: the same arguments; what `fn` returns is dropped by ``run``."""


class batch(Step):
    """Gather `size` items at a time into a list; the last may be shorter."""

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"size is {size}; it must be at least 1")
        self.size = size
        self.name = f"batch({size})"

    def open(self, items: Iterator[Any]) -> Running:
        return Batches(items, self.size)


class Batches:
    """What ``batch`` does."""

    def __init__(self, items: Iterator[Any], size: int) -> None:
        self.items = items
        self.size = size
        self.taken = self.given = 0

    @property
    def counts(self) -> tuple[int, int, int]:
        return self.taken, 0, self.given

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> list[Any]:
        gathered = []
        for item in self.items:
            gathered.append(item)
            self.taken += 1
            if len(gathered) == self.size:
                break
        if not gathered:
            raise StopIteration
        self.given += 1
        return gathered

    def close(self) -> None:
        self.items = iter(())


class Pipeline:
    """A source and the steps that its items go through. Iterate over it, or ``run`` it; once."""

    def __init__(self, source: Iterable[Any], steps: tuple[Step, ...]) -> None:
        self._source = source
        self._steps = steps
        self._running: list[Running] = []

    def __or__(self, step: Step) -> "Pipeline":
        if not isinstance(step, Step):
            return NotImplemented
        if self._running:
            raise RuntimeError("the pipeline has begun; no step can be added")
        return Pipeline(self._source, (*self._steps, step))

    def __iter__(self) -> Iterator[Any]:
        if self._running:
            raise RuntimeError("a pipeline runs once; make another one")
        items = iter(self._source)
        for step in self._steps:
            running = step.open(items)
            self._running.append(running)
            items = iter(running)
        return self._run(items)

    def _run(self, items: Iterator[Any]) -> Iterator[Any]:
        with ExitStack() as closing:  # each step is closed, the last first, whatever another's close() raises
            for running in self._running:
                closing.callback(running.close)
            yield from items

    def run(self) -> int:
        """Let everything through, and drop what comes out at the end; returns how many items that were."""
        return sum(1 for _ in self)

    def counts(self) -> list[Count]:
        """How far each step has come: live, while another task runs the pipeline."""
        counts = [running.counts for running in self._running] or [(0, 0, 0)] * len(self._steps)
        return [Count(step.name, *count) for step, count in zip(self._steps, counts, strict=True)]

    def __repr__(self) -> str:
        counts = self.counts()
        shown = "".join(f" | {step.name} {step.given}" + (f" (+{step.running} running)" if step.running else "") for step in counts)
        return f"<weft.Pipeline {name_of(self._source)} {counts[0].taken}{shown}>"
