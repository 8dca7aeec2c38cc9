"""Other orders: found, told, and found again; and no wake is ever lost."""

import itertools
import os

import pytest

import weft
from weft._core.schedulers import count_steps
from weft.testing import explore, shuffled


def order_of(seed: int) -> list[int]:
    order: list[int] = []

    def work(number: int) -> None:
        for _ in range(3):
            order.append(number)
            weft.sleep(0)

    with shuffled(seed):
        weft.gather(*(lambda number=number: work(number) for number in range(5)))  # type: ignore[misc]
    return order


def test_a_seed_is_an_order_that_comes_again() -> None:
    assert order_of(3) == order_of(3)
    assert len({tuple(order_of(seed)) for seed in range(1, 20)}) > 15
    with pytest.raises(ValueError, match="at least 1"), shuffled(0):
        pass


def racing() -> None:
    counter = 0

    def add() -> None:
        nonlocal counter
        value = counter
        if value == 1:
            weft.sleep(0)
        counter = value + 1

    weft.gather(add, add, lambda: weft.sleep(0), add)
    assert counter == 3


def test_the_seed_that_fails_is_named_and_can_be_run_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError) as caught:
        explore(racing, 200)
    (note,) = caught.value.__notes__
    seed = note.rpartition("WEFT_SEED=")[2].split()[0]
    assert f"seed {seed};" in note
    monkeypatch.setenv("WEFT_SEED", seed)
    runs = []
    explore(lambda: runs.append(True), 200)
    assert len(runs) == 1
    with pytest.raises(AssertionError):
        explore(racing)
    assert os.environ["WEFT_SEED"] == seed


def test_a_hundred_orders_of_everything() -> None:
    """Locks, queues, channels, select and cancellation, in orders that nobody wrote down: nothing is lost."""

    def scenario() -> None:
        channel: weft.Channel[int] = weft.Channel(1)
        items: weft.Queue[int] = weft.Queue(2)
        lock, permits = weft.Lock(), weft.Semaphore(2)
        got: list[int] = []
        sent: list[int] = []

        def produce(first: int) -> None:
            for number in range(first, first + 5):
                with permits:
                    if number % 2:
                        items.put(number)
                    else:
                        channel.send(number)
                    sent.append(number)

        def consume() -> None:
            while True:
                _, number = weft.select(channel, items)
                got.append(number)
                with lock:
                    weft.sleep(0)

        consumers = [weft.spawn(consume) for _ in range(3)]
        producers = [weft.spawn(produce, 10 * number) for number in range(4)]
        weft.sleep(0)
        producers[0].cancel()
        weft.joinall(producers)
        while not items.empty() or len(channel):
            weft.sleep(0)
        for consumer in consumers:
            consumer.cancel()
        weft.joinall(consumers)
        assert sorted(got) == sorted(sent)
        assert permits.acquire(blocking=False)

    explore(scenario, 100)


@pytest.mark.slow
def test_a_million_steps_without_a_lost_wake() -> None:
    """A lost wake would end in a DeadlockError."""
    with shuffled(7):
        channels: list[weft.Channel[int]] = [weft.Channel(size) for size in (0, 1, 2, 5)]
        lock = weft.Lock()
        condition = weft.Condition()
        done = False

        def send(channel: weft.Channel[int]) -> None:
            for number in itertools.count():
                if done:
                    return channel.close()
                channel.send(number)

        def receive(channel: weft.Channel[int]) -> None:
            for expected, number in enumerate(channel):
                assert number == expected
                if number % 7 == 0:
                    with lock:
                        weft.sleep(0)
                if number % 5 == 0:
                    with condition:
                        condition.notify()

        def wait() -> None:
            while not done:
                with condition:
                    condition.wait()

        def stop() -> None:
            nonlocal done
            while count_steps() < 1_000_000:
                weft.sleep(0)
            done = True
            while waiting.done() is False:
                with condition:
                    condition.notify_all()
                weft.sleep(0)

        with weft.TaskGroup() as group:
            waiting = group.spawn(wait)
            for channel in channels:
                group.spawn(send, channel)
                group.spawn(receive, channel)
            group.spawn(stop)
        assert count_steps() >= 1_000_000
