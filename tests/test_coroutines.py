"""Generator coroutines as tasks, lazy lists, values of a task."""

import itertools
from collections.abc import Iterator

import pytest

import weft


@weft.coroutine
def keep(store: list[object]):  # type: ignore[no-untyped-def]
    try:
        while True:
            store.append((yield))
    finally:
        store.append("closed")


@weft.coroutine
def grep(word: str, target: weft.Coroutine[str]):  # type: ignore[no-untyped-def]
    while True:
        line = yield
        weft.sleep(0)
        if word in line:
            target.send(line)


def test_producer_filters_and_consumers() -> None:
    first: list[object] = []
    second: list[object] = []
    stores = [keep(first), keep(second)]
    with weft.broadcast([grep("a", stores[0]), grep("b", stores[1])]) as source:
        for line in ("abc", "bcd", "xyz", "a"):
            source.send(line)
    for store in stores:
        store.close()
    assert (first, second) == (["abc", "a", "closed"], ["abc", "bcd", "closed"])


def test_what_it_yields_can_be_received() -> None:
    @weft.coroutine
    def double():  # type: ignore[no-untyped-def]
        while True:
            number = yield
            if number is None:
                return "over"
            yield number * 2

    with double() as numbers:
        for number in (1, 2):
            numbers.send(number)
            assert next(numbers) == number * 2
        numbers.send(None)
        assert list(numbers) == []
        assert numbers.result() == "over"

    @weft.coroutine
    def count(limit: int):  # type: ignore[no-untyped-def]
        yield from range(1, limit)

    assert list(count(5)) == [1, 2, 3, 4]


def test_its_failure_reaches_who_talks_to_it() -> None:
    @weft.coroutine
    def failing():  # type: ignore[no-untyped-def]
        yield
        raise KeyError("failed")

    coroutine = failing()
    coroutine.send(1)
    with pytest.raises(KeyError):
        list(coroutine)
    with pytest.raises(weft.ChannelClosed):
        coroutine.send(2)
    with pytest.raises(KeyError):
        coroutine.close()

    seen = []

    @weft.coroutine
    def catching():  # type: ignore[no-untyped-def]
        try:
            yield
        except KeyError as error:
            seen.append(error)

    with catching() as coroutine:
        coroutine.throw(error := KeyError())
    assert seen == [error]


def test_a_slow_consumer_slows_its_producer() -> None:
    taken = 0

    @weft.coroutine
    def slow():  # type: ignore[no-untyped-def]
        nonlocal taken
        while True:
            yield
            taken += 1
            weft.sleep(0)
            weft.sleep(0)

    with slow() as consumer:
        for sent in range(20):
            consumer.send(sent)
            assert sent - taken <= 3
    assert taken == 20


def test_a_lazy_list_is_read_as_far_as_needed_and_once() -> None:
    read = []

    def numbers() -> Iterator[int]:
        for number in itertools.count():
            read.append(number)
            yield number

    lazy = weft.LazyList(numbers())
    assert lazy[3] == 3
    assert lazy[1:3] == [1, 2]
    assert list(itertools.islice(lazy, 2)) == [0, 1]
    assert len(read) == 4
    assert lazy[2:][0] == 2
    assert lazy[1::2][:3] == [1, 3, 5]
    assert repr(lazy).startswith("LazyList([0, 1, 2, 3")
    assert 4 in lazy
    for wrong, error in ((-1, IndexError), (slice(-1, None), ValueError), (slice(1, -1), ValueError)):
        with pytest.raises(error, match="no end"):
            lazy[wrong]
    finite = weft.LazyList("abc")
    assert finite[1:10] == ["b", "c"]
    assert list(finite) == ["a", "b", "c"]
    assert repr(finite) == "LazyList(['a', 'b', 'c'])"
    with pytest.raises(IndexError, match="has 3 items"):
        finite[3]


def test_a_list_that_is_computed_from_itself() -> None:
    def fibonacci() -> Iterator[int]:
        yield 0
        yield 1
        for first, second in itertools.pairwise(numbers):
            yield first + second

    numbers = weft.LazyList(fibonacci())
    assert numbers[:10] == [0, 1, 1, 2, 3, 5, 8, 13, 21, 34]
    assert numbers[90] == 2880067194370816120


def test_many_tasks_read_one_lazy_list() -> None:
    def slow() -> Iterator[int]:
        for number in range(50):
            weft.sleep(0)
            yield number

    lazy = weft.LazyList(slow())
    tasks = [weft.spawn(list, lazy) for _ in range(5)]
    assert [task.result() for task in tasks] == [list(range(50))] * 5


def test_a_task_inherits_what_its_spawner_had() -> None:
    user = weft.TaskLocal("user", default="nobody")

    def child() -> tuple[str, str]:
        before = user.get()
        user.set("child")
        return before, weft.spawn(user.get).result()

    with user.bound("parent") as value:
        task = weft.spawn(child)
        assert value == "parent"
    assert task.result() == ("parent", "child")
    assert user.get() == "nobody"
    with pytest.raises(LookupError):
        weft.TaskLocal[int]("empty").get()
