"""Cancelled at every possible point, nothing in the toolkit loses anything or leaves anything behind."""

from collections.abc import Callable

import pytest

import weft
from weft.testing import cancel_everywhere, no_leaks, socketpair
from weft.testing.sweep import Scenario

Make = Callable[[], Scenario]


def locks() -> Scenario:
    lock, rlock, semaphore, condition = weft.Lock(), weft.RLock(), weft.Semaphore(1), weft.Condition()
    shared, limiter, event = weft.RWLock(), weft.CapacityLimiter(1), weft.Event()

    def hold(turns: int = 2) -> None:
        with lock, rlock, semaphore, shared.writing(), limiter:
            for _ in range(turns):
                weft.sleep(0)
            event.set()

    def body() -> None:
        other = weft.spawn(hold)
        weft.sleep(0)
        for block in (lock, rlock, semaphore, shared.reading(), shared.writing(), limiter):
            with block:
                weft.sleep(0)
        event.wait()
        with condition:
            condition.wait(0)
            weft.spawn(notify)
            condition.wait()
        other.join()

    def notify() -> None:
        with condition:
            condition.notify()

    def check() -> None:
        hold(0)
        assert (shared.readers, shared.writer, limiter.borrowers, lock.owner, rlock.owner) == ([], None, [], None, None)
        for thing in (lock, rlock, semaphore, condition, shared, limiter, event):
            assert thing.waiters == []

    return body, check


def items(make: Callable[[], "weft.Queue[int]"]) -> Make:
    def scenario() -> Scenario:
        queue = make()
        put: list[int] = []
        got: list[int] = []

        def producer() -> None:
            for number in range(6):
                queue.put(number)
                put.append(number)

        def body() -> None:
            while len(got) < 6:
                got.append(queue.get())
                weft.sleep(0)

        producing = weft.spawn(producer)

        def check() -> None:
            while len(got) < 6:
                got.append(queue.get(timeout=5))
            producing.join()
            assert sorted(got) == put == list(range(6))

        return body, check

    return scenario


def putting() -> Scenario:
    queue: weft.Queue[int] = weft.Queue(1)
    put: list[int] = []
    got: list[int] = []

    def body() -> None:
        for number in range(4):
            queue.put(number)
            put.append(number)

    def consumer() -> None:
        for _ in range(4):
            got.append(queue.get())
            weft.sleep(0)
            weft.sleep(0)

    consuming = weft.spawn(consumer)

    def check() -> None:
        for _ in range(20):
            weft.sleep(0)
        consuming.cancel()
        consuming.join()
        assert got == put
        assert queue.empty()

    return body, check


def channels() -> Scenario:
    channel: weft.Channel[int] = weft.Channel()
    replies: weft.Channel[int] = weft.Channel(1)
    sent: list[int] = []
    received: list[int] = []

    def partner() -> None:
        for number in channel:
            received.append(number)
            replies.send(number)

    other = weft.spawn(partner)

    def body() -> None:
        for number in range(3):
            channel.send(number)
            sent.append(number)
            case, value = weft.select(replies, weft.after(60))
            assert (case, value) == (replies, number)
            weft.select(weft.sending(channel, -number), weft.after(60))
            sent.append(-number)
            assert replies.receive() == -number

    def check() -> None:
        channel.close()
        for _ in replies if other.done() else [replies.receive(1)] if len(replies) else []:
            break
        for _ in range(5):
            weft.sleep(0)
        other.cancel()
        other.join()
        assert received == sent
        assert "0 sending, 0 receiving" in repr(channel)

    return body, check


def groups() -> Scenario:
    alive = 0

    def child(depth: int) -> int:
        nonlocal alive
        alive += 1
        try:
            weft.sleep(0)
            if depth:
                with weft.TaskGroup(limit=2) as group:
                    for _ in range(3):
                        group.spawn(child, depth - 1)
            return depth
        finally:
            alive -= 1

    def body() -> None:
        with weft.TaskGroup() as group:
            group.spawn(child, 1)
            child(1)
        assert weft.gather(lambda: child(0), lambda: child(1)) == [0, 1]
        assert weft.first(lambda: child(1), lambda: child(0)) == 0
        with weft.move_on_after(60), weft.CancelScope(shield=True):
            child(0)

    def check() -> None:
        assert alive == 0

    return body, check


def maps() -> Scenario:
    running = 0

    def work(number: int) -> int:
        nonlocal running
        running += 1
        try:
            weft.sleep(0)
            return number
        finally:
            running -= 1

    def body() -> None:
        with weft.map(work, range(6), concurrency=2) as results:
            assert list(results) == list(range(6))
        assert (range(5) | weft.stage(work, concurrency=2) | weft.batch(2) | weft.sink(len)).run() == 3
        with weft.Pool(2) as pool:
            assert pool.map(work, range(4)) == [0, 1, 2, 3]
            assert pool.apply(work, (1,)) == 1
        with weft.Executor(2) as executor:
            assert executor.submit(work, 1).result() == 1

    def check() -> None:
        for _ in range(10):
            weft.sleep(0)
        assert running == 0

    return body, check


def iterators() -> Scenario:
    cleaned: list[int] = []
    begun: list[int] = []

    @weft.iterator
    def numbers() -> None:
        begun.append(1)
        try:
            for number in range(3):
                weft.sleep(0)
                weft.emit(number)
        finally:
            cleaned.append(1)

    def body() -> None:
        with numbers() as found:
            assert list(found) == [0, 1, 2]
        with numbers() as found:
            assert next(found) == 0
            weft.sleep(0)

    def check() -> None:
        assert cleaned == begun

    return body, check


def sockets() -> Scenario:
    here, there = socketpair()

    def echo() -> None:
        with there:
            while data := there.recv(10):
                there.sendall(data)

    other = weft.spawn(echo)

    def body() -> None:
        with here:
            for _ in range(2):
                here.sendall(bytes(10))
                assert here.recv(10)

    def check() -> None:
        here.close()
        assert other.join(5)

    return body, check


QUEUES = [lambda: weft.Queue(1), lambda: weft.Queue(0), lambda: weft.LifoQueue(2), lambda: weft.PriorityQueue(1)]
SCENARIOS = [locks, putting, channels, groups, maps, iterators, sockets, *map(items, QUEUES)]


@pytest.mark.parametrize("make", SCENARIOS)
def test_cancelled_at_every_wait(make: Make) -> None:
    with no_leaks():
        assert cancel_everywhere(make) >= 4


def test_a_loss_is_told_with_the_place() -> None:
    def losing() -> Scenario:
        queue: weft.Queue[int] = weft.Queue()
        queue.put(1)
        got: list[int] = []

        def body() -> None:
            item = queue.get()
            weft.sleep(0)  # cancelled here it loses the item
            got.append(item)

        def check() -> None:
            assert got == [1]

        return body, check

    with pytest.raises(AssertionError) as caught:
        cancel_everywhere(losing)
    assert caught.value.__notes__ == ["the body was cancelled before its wait number 1"]
