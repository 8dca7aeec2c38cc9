"""Pipelines: all stages at once, bounded, and one error stops them all."""

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as some

import weft


def slowly(item: int) -> int:
    weft.sleep(0)
    return item + 1


@given(some.lists(some.integers(), max_size=40), some.integers(1, 5), some.integers(1, 7), some.booleans())
def test_everything_comes_out(items: list[int], concurrency: int, size: int, ordered: bool) -> None:
    pipeline = iter(items) | weft.stage(slowly, concurrency=concurrency, ordered=ordered) | weft.batch(size) | weft.stage(sorted)
    batches = list(pipeline)
    assert [len(batch) for batch in batches[:-1]] == [size] * (len(batches) - 1)
    numbers = [number for batch in batches for number in batch]
    assert sorted(numbers) == sorted(item + 1 for item in items)


def test_a_sink_and_the_counts() -> None:
    stored: list[list[int]] = []
    pipeline = range(25) | weft.stage(slowly, concurrency=4) | weft.batch(10) | weft.sink(stored.append, name="store")
    assert pipeline.run() == 3
    assert stored == [list(range(1, 11)), list(range(11, 21)), list(range(21, 26))]
    assert [tuple(count) for count in pipeline.counts()] == [
        ("slowly", 25, 0, 25),
        ("batch(10)", 25, 0, 3),
        ("store", 3, 0, 3),
    ]
    assert repr(pipeline) == "<weft.Pipeline range 25 | slowly 25 | batch(10) 3 | store 3>"
    with pytest.raises(RuntimeError, match="runs once"):
        pipeline.run()
    with pytest.raises(RuntimeError, match="has begun"):
        pipeline | weft.batch(1)


def test_the_counts_are_live() -> None:
    gate = weft.Event()
    pipeline = range(3) | weft.stage(lambda _: gate.wait(), concurrency=3)
    task = weft.spawn(pipeline.run)
    for _ in range(5):
        weft.sleep(0)
    assert "(+3 running)" in repr(pipeline)
    gate.set()
    assert task.result() == 3


def test_a_slow_stage_slows_those_before_it() -> None:
    read = 0

    def numbers() -> Iterator[int]:
        nonlocal read
        while True:
            read += 1
            yield read

    results = iter(numbers() | weft.stage(slowly, concurrency=3) | weft.stage(slowly, concurrency=2))
    assert list(itertools.islice(results, 10)) == list(range(3, 13))
    for _ in range(50):
        weft.sleep(0)
    assert read <= 10 + 2 * (3 + 2)
    results.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("where", ["source", "first", "batch", "last"])
def test_an_error_anywhere_stops_everything_and_reaches_the_caller(where: str) -> None:
    running = 0

    def numbers() -> Iterator[int]:
        yield from range(5)
        if where == "source":
            raise KeyError(where)
        yield from itertools.count(5)

    def work(name: str, item: object) -> object:
        nonlocal running
        running += 1
        try:
            weft.sleep(0)
            if name == where and item in (5, [6, 7]):
                raise KeyError(where)
            return item
        finally:
            running -= 1

    pipeline = (
        numbers()
        | weft.stage(lambda item: work("first", item), concurrency=3)
        | weft.batch(2)
        | weft.stage(lambda items: work("batch", items))
        | weft.sink(lambda items: work("last", items), concurrency=2)
    )
    if where in ("batch", "last"):
        pipeline = numbers() | weft.stage(lambda item: work("first", item)) | weft.sink(lambda item: work(where, item), concurrency=2)
    with pytest.raises(KeyError, match=where):
        pipeline.run()
    assert running == 0


def test_a_timeout_ends_it() -> None:
    with pytest.raises(TimeoutError), weft.timeout(0.01):
        (itertools.count() | weft.stage(slowly, concurrency=3) | weft.sink(lambda _: weft.sleep(60))).run()


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        weft.batch(0)
    with pytest.raises(ValueError, match="at least 1"):
        weft.stage(slowly, concurrency=0)
    with pytest.raises(TypeError):
        [1] | weft.stage(slowly) | 5  # type: ignore[operator]
