"""Pipes that several tasks read and write: bytes in are bytes out, and nobody blocks the thread."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

import weft
from weft import os as files

from ..world import World, check
from . import operation


@contextmanager
def pipe() -> Iterator[list[int]]:
    """Open a pipe for the block; whoever closes its writing end before takes it off the list."""
    ends = list(os.pipe())
    try:
        yield ends
    finally:
        while ends:
            files.close(ends.pop())


def through(world: World, rng: Random, writers: int, readers: int, write: Callable[..., int]) -> None:
    """Write with `writers` tasks and read with `readers`; count the bytes of each writer."""
    size = rng.choice([1, 100, 5000, 200_000])
    got: Counter[int] = Counter()
    finished: list[int] = []

    with pipe() as ends:
        source, target = ends

        def produce(number: int) -> None:
            left = size
            while left:
                left -= write(target, bytes([number]) * left)
            finished.append(number)
            if len(finished) == writers:
                files.close(ends.pop())

        def consume() -> None:
            while piece := files.read(source, rng.choice([1000, 65536])):
                got.update(piece)

        with weft.TaskGroup() as group:
            for number in range(writers):
                group.spawn(produce, number)
            for _ in range(readers):
                group.spawn(consume)
    check(got == dict.fromkeys(range(writers), size), "bytes of a pipe", got, size)


@operation(3)
def one_reader(world: World, rng: Random, depth: int) -> None:
    """Write with several tasks; one reads."""
    through(world, rng, rng.randint(1, 3), 1, files.write)


@operation(2)
def several_readers(world: World, rng: Random, depth: int) -> None:
    """Read with several tasks, too."""
    through(world, rng, rng.randint(1, 3), rng.randint(2, 3), files.write)


@operation(2)
def vectors(world: World, rng: Random, depth: int) -> None:
    """Write vectors that are larger than the pipe."""

    def write(number: int, data: bytes) -> int:
        half = len(data) // 2
        return files.writev(number, [data[:half], data[half:]])

    through(world, rng, 1, rng.randint(1, 2), write)


@operation(2)
def tokens(world: World, rng: Random, depth: int) -> None:
    """Take and give back the tokens in a pipe, as make's job server does."""
    count, workers = rng.randint(1, 3), rng.randint(2, 5)
    with pipe() as (source, target):
        files.write(target, b"+" * count)

        def work() -> None:
            for _ in range(3):
                token = files.read(source, 1)
                try:
                    with world.inside.entered(("token", id(world), source), count):
                        weft.sleep(0)
                finally:
                    files.write(target, token)

        with weft.TaskGroup() as group:
            for _ in range(workers):
                group.spawn(work)
        check(files.read(source, 100) == b"+" * count, "tokens in a pipe")


@operation(2)
def lines(world: World, rng: Random, depth: int) -> None:
    """Read and write lines by file objects over a pipe."""
    source, target = os.pipe()
    written = [f"line {number}\n" for number in range(rng.randint(1, 30))]

    def produce() -> None:
        with writer:
            for line in written:
                writer.write(line)
                if rng.random() < 0.3:
                    writer.flush()

    with files.fdopen(source) as reader:
        writer = files.fdopen(target, "w")
        task = weft.spawn(produce)
        try:
            got = list(reader)
        finally:
            world.settle([task])
            writer.close()
    check(got == written, "lines of a pipe", got)
