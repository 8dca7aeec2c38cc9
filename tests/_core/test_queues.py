"""Queues: nothing is lost, nothing comes twice, and everybody gets a turn."""

import queue
import random
import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

import weft

AnyQueue = weft.SimpleQueue[int] | weft.Queue[int]


@pytest.mark.parametrize("kind", [weft.SimpleQueue, weft.Queue])
def test_items_come_in_order(kind: Callable[[], AnyQueue]) -> None:
    items = kind()
    taker = weft.spawn(lambda: [items.get() for _ in range(6)])
    weft.sleep(0)
    for number in range(6):
        items.put(number)
    assert taker.result() == list(range(6))
    assert items.empty()


@pytest.mark.parametrize("kind", [weft.SimpleQueue, weft.Queue])
def test_an_empty_queue_says_so(kind: Callable[[], AnyQueue]) -> None:
    items = kind()
    with pytest.raises(queue.Empty):
        items.get_nowait()
    with pytest.raises(queue.Empty):
        items.get(timeout=0.01)
    with pytest.raises(ValueError, match="non-negative"):
        items.get(timeout=-1)
    items.put(1)
    assert items.get(block=False) == 1


def test_a_full_queue_makes_its_producer_wait() -> None:
    items: weft.Queue[int] = weft.Queue(1)
    items.put(0)
    assert items.full()
    with pytest.raises(queue.Full):
        items.put_nowait(1)
    with pytest.raises(queue.Full):
        items.put(1, timeout=0.01)
    producer = weft.spawn(items.put, 1)
    weft.sleep(0)
    assert not producer.done()
    assert [items.get(), items.get()] == [0, 1]
    producer.result()


def test_join_waits_until_all_is_done() -> None:
    items: weft.Queue[int] = weft.Queue()
    done: list[int] = []

    def work() -> None:
        while True:
            done.append(items.get())
            weft.sleep(0.001)
            items.task_done()

    worker = weft.spawn(work)
    for number in range(5):
        items.put(number)
    items.join()
    assert done == list(range(5))
    worker.cancel()
    worker.join()
    with pytest.raises(ValueError, match="too many"):
        items.task_done()


def test_a_cancelled_getter_takes_nothing() -> None:
    items: weft.SimpleQueue[int] = weft.SimpleQueue()
    first, second = weft.spawn(items.get), weft.spawn(items.get)
    weft.sleep(0)
    first.cancel()
    items.put(1)
    assert second.result(timeout=10) == 1
    assert first.cancelled()


def test_what_was_handed_over_is_kept_by_a_getter_that_is_cancelled_too_late() -> None:
    items: weft.SimpleQueue[int] = weft.SimpleQueue()
    getter = weft.spawn(items.get)
    weft.sleep(0)
    items.put(1)
    getter.cancel()
    assert getter.result() == 1


def test_threads_and_tasks_share_a_queue() -> None:
    items: weft.Queue[int] = weft.Queue(2)
    thread = threading.Thread(target=lambda: [items.put(number) for number in range(1000)])
    thread.start()
    tasks = [weft.spawn(lambda: [items.get() for _ in range(100)]) for _ in range(10)]
    got = sorted(number for task in tasks for number in task.result())
    thread.join()
    assert got == list(range(1000))


def test_a_hundred_thousand_tasks_wait_at_one_queue() -> None:
    items: weft.SimpleQueue[int] = weft.SimpleQueue()
    tasks = [weft.spawn(items.get) for _ in range(100_000)]
    weft.sleep(0)
    for number in range(100_000):
        items.put(number)
    assert [task.result() for task in tasks] == list(range(100_000))


STEPS = st.lists(st.tuples(st.sampled_from(["put", "get", "cancel", "pause"]), st.integers(0, 7)), max_size=60)


@given(maxsize=st.integers(0, 3), steps=STEPS)
def test_nothing_is_lost_in_any_order(maxsize: int, steps: list[tuple[str, int]]) -> None:
    items: weft.Queue[int] = weft.Queue(maxsize)
    putters: list[tuple[int, weft.Task[None]]] = []
    getters: list[weft.Task[int]] = []
    for number, (step, choice) in enumerate(steps):
        if step == "put":
            putters.append((number, weft.spawn(items.put, number)))
        elif step == "get":
            getters.append(weft.spawn(items.get))
        elif step == "pause":
            weft.sleep(0)
        else:
            everybody = [task for _, task in putters] + list(getters)
            if everybody:
                everybody[choice % len(everybody)].cancel()
    weft.sleep(0)
    for task in [task for _, task in putters] + list(getters):
        task.cancel()
    weft.joinall([task for _, task in putters])
    weft.joinall(getters)
    put = [number for number, task in putters if not task.cancelled()]
    got = [task.result() for task in getters if not task.cancelled()]
    left = [items.get_nowait() for _ in range(items.qsize())]
    assert sorted(got + left) == put
    assert len(set(got)) == len(got)


class Item:
    """Something that is compared by code that does as it is told."""

    def __init__(self, rank: int, act: Callable[[], object] | None = None) -> None:
        self.rank = rank
        self.act = act

    def __lt__(self, other: "Item") -> bool:
        if self.act is not None:
            self.act()
        return self.rank < other.rank


def fails() -> None:
    raise ZeroDivisionError


def test_an_item_that_cannot_be_compared_is_its_putters_error() -> None:
    heap: weft.PriorityQueue[tuple[int, object]] = weft.PriorityQueue(2)
    heap.put((1, object()))
    heap.put((5, object()))
    putter = weft.spawn(heap.put, (5, object()))
    second = weft.spawn(heap.put, (7, object()))
    weft.sleep(0)
    assert [heap.get_nowait()[0] for _ in range(3)] == [1, 5, 7]
    assert isinstance(putter.exception(), TypeError)
    assert second.result() is None
    assert heap.unfinished_tasks == 3
    assert heap.empty()


def test_stored_items_that_cannot_be_compared_all_come_out() -> None:
    heap: weft.PriorityQueue[tuple[int, object]] = weft.PriorityQueue()
    heap.put((1, object()))
    for _ in range(10):
        heap.put((5, object())) if heap.qsize() < 3 else None
    count = heap.qsize()
    assert [heap.get_nowait()[0] for _ in range(count)] == [1, *[5] * (count - 1)]


@given(st.integers(0, 1000), st.integers(0, 3))
def test_whatever_a_comparison_raises_as_many_items_come_out_as_went_in(seed: int, maxsize: int) -> None:
    chance = random.Random(seed)

    def act() -> None:
        if chance.random() < 0.2:
            raise chance.choice([TypeError, ZeroDivisionError])
        if chance.random() < 0.2:
            weft.sleep(0)

    heap: weft.PriorityQueue[Item] = weft.PriorityQueue(maxsize)
    put: list[Item] = []
    got: list[Item] = []

    def produce(ranks: list[int]) -> None:
        for rank in ranks:
            item = Item(rank, act)
            try:
                heap.put(item)
            except (TypeError, ZeroDivisionError):
                continue
            put.append(item)

    def consume() -> None:
        while True:
            got.append(heap.get())

    consumers = [weft.spawn(consume) for _ in range(2)]
    weft.joinall([weft.spawn(produce, chance.sample(range(50), 8)) for _ in range(3)])
    while heap.qsize():
        weft.sleep(0)
    for consumer in consumers:
        consumer.cancel()
    weft.joinall(consumers)
    assert {id(item) for item in put} == {id(item) for item in got}
    assert len(put) == len(got) == heap.unfinished_tasks


def test_an_interruption_while_items_are_compared_loses_nothing() -> None:
    heap: weft.PriorityQueue[Item] = weft.PriorityQueue(3)
    slow = Item(2, lambda: weft.sleep(60))
    for item in (Item(1), Item(4), Item(3)):
        heap.put(item)
    putter = weft.spawn(heap.put, slow)
    late = weft.spawn(heap.put, Item(5))
    weft.sleep(0)
    getter = weft.spawn(heap.get)
    weft.sleep(0)
    putter.cancel()
    getter.cancel()
    weft.joinall([putter, getter])
    slow.act = None
    out = [getter.result().rank] if not getter.cancelled() else []
    out += [heap.get(timeout=1).rank for _ in range(4 - len(out))]
    assert sorted(out) in ([1, 3, 4, 5], [1, 2, 3, 4])
    late.cancel()
    weft.joinall([late])


def test_a_comparison_that_uses_its_own_queue_is_refused() -> None:
    heap: weft.PriorityQueue[Item] = weft.PriorityQueue()
    heap.put(Item(1))
    with pytest.raises(RuntimeError, match="comparison"):
        heap.put(Item(2, lambda: heap.put(Item(3))))
    assert heap.get_nowait().rank == 1
    assert heap.empty()


def test_a_queue_that_is_shut_down_while_items_are_compared() -> None:
    heap: weft.PriorityQueue[Item] = weft.PriorityQueue()
    heap.put(Item(1))
    inside, go_on = weft.Event(), weft.Event()

    def act() -> None:
        inside.set()
        go_on.wait()

    putter = weft.spawn(heap.put, Item(2, act))
    inside.wait()
    heap.shutdown(immediate=True)
    go_on.set()
    putter.join()
    heap.join()
    assert heap.empty()
    with pytest.raises(weft.ShutDown):
        heap.get()
