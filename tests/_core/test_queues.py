"""Queues: nothing is lost, nothing comes twice, and everybody gets a turn."""

import queue
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
