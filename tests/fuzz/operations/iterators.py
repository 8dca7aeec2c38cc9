"""Iterators that emit from a stack of their own, with scopes in them."""

from collections.abc import Iterator
from random import Random

import weft

from ..world import World, check
from . import operation


def numbers(count: int, open_blocks: list[int], limit: float) -> Iterator[int]:
    """Emit numbers from inside a scope, and note that the clean-up ran."""

    @weft.iterator
    def emit_all() -> None:
        open_blocks.append(1)
        try:
            with weft.move_on_after(limit):
                for number in range(count):
                    weft.sleep(0)
                    weft.emit(number)
        finally:
            open_blocks.pop()

    return emit_all()


@operation(3)
def consumed(world: World, rng: Random, depth: int) -> None:
    """Consume an iterator, wholly or in part; its clean-up runs."""
    open_blocks: list[int] = []
    source = numbers(rng.randint(0, 6), open_blocks, 60)
    leave = rng.randint(0, 8)
    got = []
    try:
        for number in source:
            got.append(number)
            if number == leave:
                break
            with weft.move_on_after(60):
                weft.sleep(0)
    finally:
        source.close()
    check(got == list(range(len(got))), "an iterator's items", got)
    check(not open_blocks, "an iterator's clean-up did not run")


@operation(2)
def dropped(world: World, rng: Random, depth: int) -> None:
    """Drop an iterator half-way; its clean-up runs, whoever holds it last (a signal handler's frame)."""
    open_blocks: list[int] = []
    source = numbers(5, open_blocks, 60)
    for _ in range(rng.randint(0, 3)):
        next(source)
    del source
    world.eventually(lambda: not open_blocks, "a dropped iterator's clean-up did not run")


@operation(2)
def moved(world: World, rng: Random, depth: int) -> None:
    """Begin an iterator in one task and go on in others; scopes move with it."""
    open_blocks: list[int] = []
    source = numbers(6, open_blocks, rng.choice([60, 0.001]))
    got: list[int] = []

    def step() -> None:
        with weft.CancelScope():
            got.extend([number] if (number := next(source, None)) is not None else [])
            weft.sleep(0)

    try:
        for _ in range(rng.randint(1, 6)):
            task = weft.spawn(step)
            try:
                weft.sleep(0)
            finally:
                world.settle([task], cancel=rng.random() < 0.2)
            if not task.cancelled() and task.exception() is not None:
                raise task.exception()
    finally:
        source.close()
    check(got == sorted(set(got)), "items of an iterator that moved", got)
    check(not open_blocks, "its clean-up did not run")


@operation(1)
def scope_left_by_consumer(world: World, rng: Random, depth: int) -> None:
    """Leave an iterator's scope in its consumer: RuntimeError says so, and both go on."""

    @weft.iterator
    def emit_scope() -> None:
        scope = weft.CancelScope()
        scope.__enter__()
        weft.emit(scope)
        weft.emit(None)

    with weft.move_on_after(60):
        source = emit_scope()
        try:
            next(source).__exit__(None, None, None)
            check(False, "a foreign scope was left without an error")
        except RuntimeError:
            pass
        if rng.random() < 0.5:
            next(source)
        source.close()


@operation(1)
def coroutine(world: World, rng: Random, depth: int) -> None:
    """Send values into a coroutine and close it."""
    got: list[int] = []

    @weft.coroutine
    def collect() -> Iterator[None]:
        while True:
            got.append((yield))
            weft.sleep(0)

    count = rng.randint(1, 4)
    target = collect()
    try:
        for number in range(count):
            target.send(number)
    finally:
        target.close()
    check(got == list(range(len(got))), "a coroutine's values", got)
