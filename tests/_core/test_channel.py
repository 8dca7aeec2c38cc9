"""Channels and ``weft.select``: exactly one thing happens, and nothing is lost."""

import queue
import random
import socket
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as some

import weft
import weft.native


def test_a_rendezvous_lasts_until_the_item_is_received() -> None:
    channel: weft.Channel[int] = weft.Channel()
    sender = weft.spawn(channel.send, 1)
    weft.sleep(0)
    assert not sender.done()
    assert channel.receive() == 1
    assert sender.join(5)


def test_a_channel_stores_as_many_items_as_it_may() -> None:
    channel: weft.Channel[int] = weft.Channel(2)
    channel.send(1)
    channel.send_nowait(2)
    with pytest.raises(weft.WouldBlock):
        channel.send_nowait(3)
    with pytest.raises(TimeoutError):
        channel.send(3, timeout=0.001)
    late = weft.spawn(channel.send, 4)
    weft.sleep(0)
    assert [channel.receive() for _ in range(3)] == [1, 2, 4]
    assert late.join(5)
    with pytest.raises(weft.WouldBlock):
        channel.receive_nowait()
    with pytest.raises(TimeoutError):
        channel.receive(timeout=0.001)
    with pytest.raises(ValueError, match="0 or more"):
        weft.Channel(-1)


def test_iteration_ends_when_the_channel_is_closed_and_empty() -> None:
    channel: weft.Channel[int] = weft.Channel(3)

    def produce() -> None:
        with channel:
            for item in range(10):
                channel.send(item)

    weft.spawn(produce)
    assert list(channel) == list(range(10))
    with pytest.raises(weft.ChannelClosed) as caught:
        channel.send(1)
    assert caught.value.channel is channel
    with pytest.raises(weft.ChannelClosed):
        channel.receive()


def test_closing_wakes_everybody() -> None:
    channel: weft.Channel[int] = weft.Channel()
    senders = [weft.spawn(channel.send, number) for number in range(3)]
    weft.sleep(0)
    channel.close()
    assert [type(sender.exception()) for sender in senders] == [weft.ChannelClosed] * 3
    other: weft.Channel[int] = weft.Channel()
    receivers = [weft.spawn(other.receive) for _ in range(3)]
    weft.sleep(0)
    weft.native.start_new_thread(other.close, ())
    assert [type(receiver.exception()) for receiver in receivers] == [weft.ChannelClosed] * 3


@given(some.integers(0, 3), some.integers(1, 4), some.integers(1, 4), some.lists(some.integers(0, 30), max_size=6), some.booleans())
def test_every_item_that_was_sent_is_received_once(
    capacity: int, senders: int, receivers: int, cancellations: list[int], selecting: bool
) -> None:
    """Whoever is cancelled, and whenever: an item has either been sent, and then received, or its sender still has it."""
    channel: weft.Channel[int] = weft.Channel(capacity)
    other: weft.Queue[int] = weft.Queue(1)
    sent: list[int] = []
    received: list[int] = []

    def send(first: int) -> None:
        for item in range(first, first + 10):
            if selecting and item % 2:
                weft.select(weft.sending(channel, item), weft.after(60))
            else:
                channel.send(item)
            sent.append(item)

    def receive() -> None:
        while True:
            item = weft.select(other, channel, weft.after(60))[1] if selecting else channel.receive()
            received.append(item)
            weft.sleep(0)

    sending = [weft.spawn(send, 100 * number) for number in range(senders)]
    receiving = [weft.spawn(receive) for _ in range(receivers)]
    everybody = sending + receiving
    for number, turns in enumerate(cancellations):
        for _ in range(turns):
            weft.sleep(0)
        everybody[number % len(everybody)].cancel()
    rest = weft.spawn(receive)
    weft.joinall(sending)
    while len(channel):
        weft.sleep(0)
    for task in (*receiving, rest):
        task.cancel()
    weft.joinall([*receiving, rest])
    assert sorted(received) == sorted(sent)
    assert len(channel) == 0


def test_select_takes_what_is_there_and_prefers_nobody() -> None:
    first: weft.Channel[int] = weft.Channel(100)
    second: weft.Queue[int] = weft.Queue()
    for number in range(50):
        first.send(number)
        second.put(number)
    chosen = [weft.select(first, second)[0] for _ in range(20)]
    assert 5 <= sum(case is first for case in chosen) <= 15


def test_every_kind_of_case() -> None:
    here, there = socket.socketpair()
    with here, there:
        channel: weft.Channel[int] = weft.Channel()
        full: weft.Channel[int] = weft.Channel()
        items: weft.Queue[int] = weft.Queue()
        event = weft.Event()
        task = weft.spawn(weft.Event().wait)
        cases = [channel, items, event, task, readable := weft.readable(here), sending := weft.sending(full, 5)]
        for happen, case, value in [
            (lambda: channel.send(1), channel, 1),
            (lambda: items.put(2), items, 2),
            (lambda: there.send(b"x"), readable, None),
            (lambda: full.receive(), sending, None),
            (task.cancel, task, None),
        ]:
            weft.spawn(happen)
            assert weft.select(*cases) == (case, value)
            if case is readable:
                here.recv(1)
            if case is task:
                cases.remove(task)
        weft.spawn(event.set)
        assert weft.select(*cases) == (event, None)
        writable = weft.writable(here)
        assert weft.select(channel, writable) == (writable, None)
        soon = weft.after(0.01)
        assert weft.select(channel, soon, items) == (soon, None)
        assert weft.select(channel, soon, items) == (soon, None)
    for line in (channel, items, full):
        assert "0 sending, 0 receiving" in repr(line) or "0 getting, 0 putting" in repr(line)
    assert event.waiters == []


def test_select_gives_up_in_time_and_leaves_no_line() -> None:
    channel: weft.Channel[int] = weft.Channel()
    event = weft.Event()
    with pytest.raises(TimeoutError):
        weft.select(channel, event, timeout=0.001)
    with pytest.raises(TimeoutError, match="now"):
        weft.select(channel, weft.sending(channel, 1), timeout=0)
    with pytest.raises(TimeoutError), weft.timeout(0.001):
        weft.select(channel, event, weft.sending(channel, 1))
    assert event.waiters == []
    assert "0 sending, 0 receiving" in repr(channel)
    with pytest.raises(weft.WouldBlock):
        channel.send_nowait(1)


def test_select_raises_what_its_case_raises() -> None:
    channel: weft.Channel[int] = weft.Channel()
    items: weft.Queue[int] = weft.Queue()
    weft.spawn(channel.close)
    with pytest.raises(weft.ChannelClosed):
        weft.select(channel, items)
    weft.spawn(items.shutdown)
    with pytest.raises(weft.ShutDown):
        weft.select(items)
    from weft import socket as parking

    here, there = parking.socketpair()
    weft.spawn(here.close)
    with there, pytest.raises(OSError, match="closed while a task waited"):
        weft.select(weft.readable(here))


@pytest.mark.parametrize(("case", "error"), [(7, TypeError), (weft.Lock(), TypeError)])
def test_what_select_cannot_wait_for(case: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="select takes channels"):
        weft.select(case)
    with pytest.raises(ValueError, match="for ever"):
        weft.select()
    with pytest.raises(ValueError, match="0 or more"):
        weft.after(-1)


def test_a_task_cannot_meet_itself() -> None:
    channel: weft.Channel[int] = weft.Channel()
    with pytest.raises(TimeoutError):
        weft.select(channel, weft.sending(channel, 1), timeout=0.01)


def test_select_between_threads() -> None:
    channel: weft.Channel[int] = weft.Channel()
    other: weft.Channel[int] = weft.Channel()
    total = 300

    def send(channel: weft.Channel[int], first: int) -> None:
        for item in range(first, first + total):
            channel.send(item)

    weft.native.start_new_thread(send, (channel, 0))
    weft.native.start_new_thread(send, (other, 1000))
    got = [weft.select(channel, other, timeout=30)[1] for _ in range(2 * total)]
    assert sorted(got) == [*range(total), *range(1000, 1000 + total)]


def test_last_in_first_out_and_smallest_first() -> None:
    numbers = random.Random(1).sample(range(100), 30)
    stack: weft.LifoQueue[int] = weft.LifoQueue()
    heap: weft.PriorityQueue[int] = weft.PriorityQueue()
    for number in numbers:
        stack.put(number)
        heap.put(number)
    assert [stack.get() for _ in numbers] == numbers[::-1]
    assert [heap.get() for _ in numbers] == sorted(numbers)
    bounded: weft.PriorityQueue[int] = weft.PriorityQueue(2)
    putters = [weft.spawn(bounded.put, number) for number in (5, 4, 3, 2)]
    weft.sleep(0)
    assert [bounded.get() for _ in putters] == [4, 3, 2, 5]
    heap.put(1)
    with pytest.raises(TypeError):
        heap.put("one")  # type: ignore[arg-type]
    assert heap.get() == 1


@pytest.mark.parametrize("kind", [weft.Queue, weft.LifoQueue, weft.PriorityQueue])
def test_a_queue_that_is_shut_down(kind: Callable[[int], "weft.Queue[int]"]) -> None:
    items = kind(1)
    items.put(1)
    putter = weft.spawn(items.put, 2)
    weft.sleep(0)
    items.shutdown()
    assert isinstance(putter.exception(), weft.ShutDown)
    with pytest.raises(weft.ShutDown):
        items.put(3)
    assert items.get() == 1
    with pytest.raises(weft.ShutDown):
        items.get()

    items = kind(0)
    getter = weft.spawn(items.get)
    weft.sleep(0)
    items.shutdown()
    assert isinstance(getter.exception(), weft.ShutDown)

    items = kind(0)
    items.put(1)
    joiner = weft.spawn(items.join)
    weft.sleep(0)
    items.shutdown(immediate=True)
    assert joiner.join(5)
    with pytest.raises(weft.ShutDown):
        items.get_nowait()
    assert weft.ShutDown is getattr(queue, "ShutDown", weft.ShutDown)


def test_a_task_that_only_asks_a_queue_starves_nobody() -> None:
    items: weft.Queue[int] = weft.Queue()
    weft.spawn(items.put, 1)
    while True:
        try:
            assert items.get_nowait() == 1
        except queue.Empty:
            continue
        break
