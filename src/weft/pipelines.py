"""Pipelines: ``source | stage(fn, concurrency=8) | batch(100) | sink(store)``.

Rules:
- Nothing runs before the pipeline is iterated over or ``run``; then every stage works at once, and each reads no further than there is room
  for what it makes: a slow stage slows those before it, and memory stays flat.
- An error in any stage stops the whole pipeline and is raised to whoever iterates; what ran is over then.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, NamedTuple, Protocol

from weft.maps import map as lazy_map

__all__ = ["Pipeline", "batch", "sink", "stage"]


class Count(NamedTuple):
    """How far a stage has come: items taken in, given out, and in work now."""

    name: str
    taken: int
    given: int
    running: int


class Closable(Protocol):
    """An iterator that can be ended early."""

    def __iter__(self) -> Iterator[Any]: ...
    def __next__(self) -> Any: ...
    def close(self) -> None: ...


def name_of(thing: object) -> str:
    return str(getattr(thing, "__name__", type(thing).__name__))


class Step:
    """A part of a pipeline, before it runs: a description, which may stand in several."""

    name: str

    def open(self, items: Iterator[Any], counter: "Counter") -> "Closable":
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

    def open(self, items: Iterator[Any], counter: "Counter") -> "Closable":
        def call(item: Any) -> Any:
            counter.running += 1
            try:
                return self.fn(item)
            finally:
                counter.running -= 1

        return lazy_map(call, items, concurrency=self.concurrency, buffer=self.buffer, ordered=self.ordered)


class batch(Step):
    """Gather `size` items at a time into a list; the last may be shorter."""

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError(f"size is {size}; it must be at least 1")
        self.size = size
        self.name = f"batch({size})"

    def open(self, items: Iterator[Any], counter: "Counter") -> Generator[Any, None, None]:
        gathered: list[Any] = []
        for item in items:
            gathered.append(item)
            if len(gathered) == self.size:
                yield gathered
                gathered = []
        if gathered:
            yield gathered


class sink(stage):
    """A stage for what is done with each item at the end: the same arguments; what `fn` returns is dropped by ``run``."""


class Counter:
    """Counts what goes into and out of one step."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.taken = self.given = self.running = 0

    def taking(self, items: Iterator[Any]) -> Iterator[Any]:
        return Passing(items, self, "taken")

    def giving(self, items: Iterator[Any]) -> Iterator[Any]:
        return Passing(items, self, "given")


class Passing:
    """An iterator that counts; not a generator, because a task may leave it in the middle of ``next`` and another go on."""

    def __init__(self, items: Iterator[Any], counter: Counter, what: str) -> None:
        self.items = items
        self.counter = counter
        self.what = what

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        item = next(self.items)
        setattr(self.counter, self.what, getattr(self.counter, self.what) + 1)
        return item


class Pipeline:
    """A source and the steps that its items go through. Iterate over it, or ``run`` it; once."""

    def __init__(self, source: Iterable[Any], steps: tuple[Step, ...]) -> None:
        self._source = source
        self._steps = steps
        self._counters = [Counter(step.name) for step in steps]
        self._taken = Counter(name_of(source))
        self._opened: list[Closable] = []
        self._begun = False

    def __or__(self, step: Step) -> "Pipeline":
        if not isinstance(step, Step):
            return NotImplemented
        if self._begun:
            raise RuntimeError("the pipeline has begun; no step can be added")
        return Pipeline(self._source, (*self._steps, step))

    def __iter__(self) -> Iterator[Any]:
        if self._begun:
            raise RuntimeError("a pipeline runs once; make another one")
        items: Iterator[Any] = self._taken.giving(iter(self._source))
        self._begun = True
        for step, counter in zip(self._steps, self._counters, strict=True):
            opened = step.open(counter.taking(items), counter)
            self._opened.append(opened)
            items = counter.giving(opened)
        return self._run(items)

    def _run(self, items: Iterator[Any]) -> Iterator[Any]:
        try:
            yield from items
        finally:
            for opened in reversed(self._opened):
                opened.close()

    def run(self) -> int:
        """Let everything through, and drop what comes out at the end; returns how many items that were."""
        return sum(1 for _ in self)

    def counts(self) -> list[Count]:
        """How far each step has come, the source first: live, while another task runs the pipeline."""
        return [Count(counter.name, counter.taken, counter.given, counter.running) for counter in (self._taken, *self._counters)]

    def __repr__(self) -> str:
        source, *steps = self.counts()
        shown = "".join(f" | {step.name} {step.given}" + (f" (+{step.running} running)" if step.running else "") for step in steps)
        return f"<weft.Pipeline {source.name} {source.given}{shown}>"
