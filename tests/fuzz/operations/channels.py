"""Channels and select: exactly one case happens, and an item moves once."""

from random import Random

import weft

from ..world import World, check
from . import operation


@operation(5)
def send(world: World, rng: Random, depth: int) -> None:
    """Send an item through a shared channel."""
    item = world.items.make()
    try:
        rng.choice(world.shared.channels).send(item, timeout=rng.random() * 0.01)
    except TimeoutError:
        return
    world.items.sent(item)


@operation(5)
def receive(world: World, rng: Random, depth: int) -> None:
    """Receive from a shared channel."""
    try:
        item = rng.choice(world.shared.channels).receive(timeout=rng.random() * 0.01)
    except TimeoutError:
        return
    world.items.received(item)


@operation(7)
def select(world: World, rng: Random, depth: int) -> None:
    """Select among channels, a queue, the event, a moment and a task."""
    shared = world.shared
    takes = [*rng.sample(shared.channels, 2), rng.choice([*shared.queues, shared.simple])]
    cases: list[object] = [*takes, shared.event, weft.after(rng.random() * 0.01)]
    sending = None
    if rng.random() < 0.5:
        sending = weft.sending(rng.choice(shared.channels), world.items.make())
        cases.append(sending)
    if rng.random() < 0.2 and (roots := list(world.roots)):
        cases.append(rng.choice(roots))
    rng.shuffle(cases)
    try:
        case, value = weft.select(*cases, timeout=rng.choice([0, 0.005, 0.02]))
    except TimeoutError:
        return
    if case is sending and sending is not None:
        world.items.sent(sending.item)
    elif any(case is one for one in takes):
        world.items.received(value)
    elif case is shared.event:
        shared.event.clear()
    else:
        check(any(case is one for one in cases), "a case that was not asked for", case)


@operation(2)
def close(world: World, rng: Random, depth: int) -> None:
    """Close a private channel under its users: what was sent before comes out."""
    channel = weft.Channel[int](rng.choice([0, 1, 4]))
    sent: list[int] = []
    received: list[int] = []

    def produce(first: int) -> None:
        for item in range(first, first + 5):
            try:
                channel.send(item)
            except weft.ChannelClosed:
                return
            sent.append(item)

    def consume() -> None:
        received.extend(channel)

    tasks = [weft.spawn(produce, 10 * number) for number in range(rng.randint(1, 3))]
    tasks += [weft.spawn(consume) for _ in range(rng.randint(1, 2))]
    try:
        weft.sleep(rng.random() * 0.003)
    finally:
        channel.close()
        world.settle(tasks, cancel=False)
    check(sorted(sent) == sorted(received), "a closed channel", sent, received)


@operation(1)
def refused(world: World, rng: Random, depth: int) -> None:
    """Pass a timeout that is refused: nothing is sent, nobody is left waiting."""
    channel = weft.Channel[int](0)
    for call in (channel.send, weft.SimpleQueue[int]().put):
        try:
            call(1, timeout=rng.choice(["soon", [], object()]))
        except TypeError:
            pass
    try:
        check(False, "received what was refused", channel.receive_nowait())
    except weft.WouldBlock:
        pass
