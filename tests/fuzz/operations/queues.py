"""Queues of every kind: what was put comes out, once."""

import queue
from random import Random

import weft

from ..world import World, check
from . import operation


@operation(8)
def put(world: World, rng: Random, depth: int) -> None:
    """Put an item into a shared queue, and wait for room at most 10 ms."""
    target = rng.choice([*world.shared.queues, world.shared.simple])
    item = world.items.make()
    try:
        target.put(item, timeout=rng.random() * 0.01)
    except queue.Full:
        return
    world.items.sent(item)


@operation(8)
def get(world: World, rng: Random, depth: int) -> None:
    """Take an item from a shared queue, and wait for it at most 10 ms."""
    source = rng.choice([*world.shared.queues, world.shared.simple])
    try:
        world.items.received(source.get(timeout=rng.random() * 0.01))
    except queue.Empty:
        pass


@operation(2)
def join(world: World, rng: Random, depth: int) -> None:
    """Join a private queue whose workers say that they are done."""
    private: weft.Queue[int] = weft.Queue(rng.choice([0, 1, 3]))
    count, done = rng.randint(1, 12), []

    def work() -> None:
        while True:
            item = private.get()
            weft.sleep(0)
            done.append(item)
            private.task_done()

    workers = [weft.spawn(work) for _ in range(rng.randint(1, 3))]
    try:
        for item in range(count):
            private.put(item)
        private.join()
        check(sorted(done) == list(range(count)), "join returned early", done, count)
    finally:
        world.settle(workers)


@operation(2)
def shutdown(world: World, rng: Random, depth: int) -> None:
    """Shut a private queue down under its waiters: each item comes out or was refused."""
    kind = rng.choice([weft.Queue, weft.PriorityQueue, weft.LifoQueue])
    private = kind(rng.choice([0, 1, 2]))
    immediate = rng.random() < 0.5
    sent: list[int] = []
    received: list[int] = []

    def put_some(first: int) -> None:
        for item in range(first, first + 4):
            private.put(item)
            sent.append(item)
            weft.sleep(0)

    def get_some() -> None:
        while True:
            received.append(private.get())

    writers = [weft.spawn(put_some, 10 * number) for number in range(rng.randint(1, 3))]
    readers = [weft.spawn(get_some) for _ in range(rng.randint(0, 2))]
    try:
        weft.sleep(rng.random() * 0.002)
    finally:
        private.shutdown(immediate)
        world.settle([*writers, *readers], cancel=False)
        errors = [task.exception() for task in [*writers, *readers]]
    ended = [isinstance(error, weft.ShutDown) for error in errors]
    check(all(ended[len(writers) :]), "a reader did not get ShutDown", errors)
    check(all(one or error is None for one, error in zip(ended, errors, strict=True)), "a writer", errors)
    while True:
        try:
            received.append(private.get_nowait())
        except weft.ShutDown:
            break
    check(set(received) <= set(sent), "received what was refused", received, sent)
    dropped = len(sent) - len(received)  # by an immediate shutdown, what was stored at that moment
    check(immediate or dropped == 0, "shutdown", sent, received)
    check(private.maxsize == 0 or dropped <= private.maxsize, "shutdown dropped too many", sent, received)


@operation(1)
def order(world: World, rng: Random, depth: int) -> None:
    """Take from a full queue in the order of its kind."""
    items = [rng.randrange(100) for _ in range(rng.randint(1, 8))]
    kinds = {weft.Queue: items, weft.LifoQueue: items[::-1], weft.PriorityQueue: sorted(items)}
    for kind, expected in kinds.items():
        private = kind(len(items))
        for item in items:
            private.put_nowait(item)
        got = [private.get() for _ in items]
        check(got == expected, "order of a queue", kind.__name__, got, expected)
