"""``weft.map``: lazy, ordered or not, and nothing left behind."""

import gc
import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as some

import weft

ONE_BY_ONE = {"concurrency": 1, "buffer": 0}


def slowly(item: int, turns: int = 1) -> int:
    for _ in range(turns):
        weft.sleep(0)
    return item


@given(some.lists(some.tuples(some.integers(), some.integers(0, 5)), max_size=30), some.integers(1, 8), some.integers(0, 8))
def test_the_results_are_those_of_the_built_in_map(items: list[tuple[int, int]], concurrency: int, buffer: int) -> None:
    running = most = 0

    def work(item: int, turns: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        slowly(item, turns)
        running -= 1
        return item

    numbers = [item for item, _ in items]
    turns = [turn for _, turn in items]
    assert list(weft.map(work, numbers, turns, concurrency=concurrency, buffer=buffer)) == numbers
    assert sorted(weft.map(work, numbers, turns, concurrency=concurrency, buffer=buffer, ordered=False)) == sorted(numbers)
    assert most <= concurrency


def test_the_quickest_comes_first_if_no_order_is_asked_for() -> None:
    assert list(weft.map(lambda turns: slowly(turns, turns), [9, 1, 5], ordered=False)) == [1, 5, 9]


@pytest.mark.parametrize("ordered", [True, False])
def test_the_input_may_be_endless_and_is_read_as_results_are_taken(ordered: bool) -> None:
    read = 0

    def numbers() -> Iterator[int]:
        nonlocal read
        while True:
            read += 1
            yield read

    results = weft.map(slowly, numbers(), concurrency=4, buffer=2, ordered=ordered)
    assert read == 0
    assert sorted(itertools.islice(results, 20)) == list(range(1, 21))
    for _ in range(50):
        weft.sleep(0)
    assert read <= 20 + 4 + 2
    results.close()
    assert list(results) == []


def test_leaving_early_ends_what_runs() -> None:
    begun, ended = [], []

    def work(item: int) -> int:
        begun.append(item)
        try:
            return slowly(item, 1000 * item)
        finally:
            ended.append(item)

    with weft.map(work, itertools.count(), concurrency=5) as results:
        assert next(results) == 0
        weft.sleep(0)
    assert sorted(ended) == begun == list(range(len(begun)))
    assert len(begun) > 1

    for result in weft.map(work, itertools.count(), concurrency=5):
        assert result == 0
        break
    gc.collect()
    for _ in range(3):
        weft.sleep(0)
    assert sorted(ended) == sorted(begun)


def test_an_error_comes_in_its_place_and_ends_the_rest() -> None:
    begun = []

    def work(item: int) -> int:
        begun.append(item)
        if item == 3:
            raise KeyError(item)
        return slowly(item)

    got = []
    with pytest.raises(KeyError), weft.map(work, itertools.count(), concurrency=2) as results:
        for result in results:
            got.append(result)
    assert got == [0, 1, 2]
    assert len(begun) < 10
    with pytest.raises(RuntimeError, match="StopIteration"):
        list(weft.map(next, [iter(())]))


@pytest.mark.parametrize("ordered", [True, False])
def test_an_error_of_the_input_comes_after_what_was_before_it(ordered: bool) -> None:
    def numbers() -> Iterator[int]:
        yield 1
        weft.sleep(0)
        yield 2
        raise OSError("of the input")

    got = []
    with pytest.raises(OSError, match="of the input"):
        for result in weft.map(slowly, numbers(), ordered=ordered, concurrency=1):
            got.append(result)
    assert got == [1, 2]


def test_a_timeout_around_a_map_ends_its_tasks() -> None:
    running = 0

    def work(_: int) -> None:
        nonlocal running
        running += 1
        try:
            weft.sleep(60)
        finally:
            running -= 1

    with pytest.raises(TimeoutError), weft.timeout(0.01), weft.map(work, range(10)) as results:
        next(results)
    assert running == 0


def test_a_call_that_is_cancelled_is_not_passed_over() -> None:
    from concurrent.futures import CancelledError

    def work(item: int) -> int:
        if item == 2:
            weft.current_task().cancel()
        return slowly(item)

    with pytest.raises(CancelledError):
        list(weft.map(work, range(5)))


def test_two_tasks_may_share_the_results() -> None:
    results = weft.map(slowly, range(50), concurrency=3)
    first, second = weft.spawn(list, results), weft.spawn(list, results)
    assert sorted(first.result() + second.result()) == list(range(50))


def test_what_is_refused() -> None:
    for options, words in [({"concurrency": 0}, "at least 1"), ({"buffer": -1}, "0 or more")]:
        with pytest.raises(ValueError, match=words):
            weft.map(slowly, [1], **options)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="at least one iterable"):
        weft.map(slowly)
    with pytest.raises(TypeError, match="not iterable"):
        weft.map(slowly, 1)  # type: ignore[arg-type]


@pytest.mark.slow
def test_the_memory_stays_flat() -> None:
    import resource

    def run(count: int) -> int:
        for _ in weft.map(slowly, range(count), concurrency=10):
            pass
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB

    before = run(1_000)
    assert run(300_000) < before + 2_000
