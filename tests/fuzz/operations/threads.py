"""OS threads that use tasks, locals and shared objects, and end in the middle of something."""

import gc
from random import Random

import weft
from weft import native

from ..world import Bad, World, check
from . import operation


@operation(2)
def queue(world: World, rng: Random, depth: int) -> None:
    """Receive from a thread, in order."""
    channel: weft.SimpleQueue[int] = weft.SimpleQueue()
    count = rng.randint(1, 5)
    done = world.thread(lambda: [channel.put(number) for number in range(count)])
    try:
        got = [channel.get() for _ in range(count)]
    finally:
        world.await_thread(done)
    check(got == list(range(count)), "what a thread put", got)


@operation(2)
def cancels(world: World, rng: Random, depth: int) -> None:
    """Cancel a task of this thread from another thread, and put something."""
    target = rng.choice(list(world.roots) or [None])
    item = world.items.make()

    def work() -> None:
        if target is not None:
            target.cancel()
        world.shared.simple.put(item)
        world.items.sent(item)

    world.await_thread(world.thread(work))


@operation(2)
def operations(world: World, rng: Random, depth: int) -> None:
    """Do what tasks do, on the scheduler of another thread: locks, queues, tasks, groups."""
    shared = world.shared
    seed = rng.random()

    def work() -> None:
        own = Random(seed)

        def member() -> None:
            for _ in range(own.randint(1, 4)):
                if shared.lock.acquire(timeout=0.005):
                    try:
                        with world.inside.entered("lock", 1):
                            weft.sleep(0)
                    finally:
                        shared.lock.release()
                item = world.items.make()
                try:
                    shared.channels[1].send(item, timeout=0.002)
                except TimeoutError:
                    continue
                world.items.sent(item)

        with weft.TaskGroup() as group:
            for _ in range(own.randint(1, 3)):
                group.spawn(member)

    world.await_thread(world.thread(work))


@operation(2)
def locals_(world: World, rng: Random, depth: int) -> None:
    """Set locals on a thread: they go with it."""
    local = weft.local()
    made: list[int] = []
    gone: list[int] = []

    class Kept:
        def __init__(self) -> None:
            made.append(1)

        def __del__(self) -> None:
            gone.append(1)

    def work() -> None:
        local.value = Kept()
        world.settle([weft.spawn(setattr, local, "value", Kept())], cancel=False)

    world.await_thread(world.thread(work))
    check(world.settings.fd_limit or len(made) == 2, "values of a thread", made)
    world.eventually(lambda: gc.collect(0) >= 0 and gone == made, "locals of a thread", gone, made)


@operation(1)
def locals_that_lock(world: World, rng: Random, depth: int) -> None:
    """Set a local whose finalizer takes a lock; the thread leaves nothing behind."""
    local, lock = weft.local(), weft.Lock()

    class Kept:
        def __del__(self) -> None:
            with lock:
                pass

    def work() -> None:
        local.value = Kept()

    world.await_thread(world.thread(work))


@operation(1)
def ends_in_the_middle(world: World, rng: Random, depth: int) -> None:
    """End a thread whose tasks are parked in a sleep or a lock, or have not begun.

    None of them may be parked in a finalizer that the collector runs: no collection would ever begin again. So the
    collector is off meanwhile, for however long that takes on a busy machine.
    """
    lock = weft.Lock()

    def work() -> None:
        weft.spawn(weft.sleep, 3600)
        weft.spawn(lock.acquire)
        weft.sleep(0.005)  # until finalizers that wait have ended
        weft.spawn(weft.sleep, 0)
        weft.spawn_later(3600, weft.sleep, 0)
        if rng.random() < 0.3:
            raise SystemExit

    done = weft.Event()

    def run() -> None:
        try:
            with world.no_collection():
                work()
        finally:
            done.set()

    native.start_new_thread(run, ())
    world.await_thread(done)


@operation(1)
def fails(world: World, rng: Random, depth: int) -> None:
    """Fail in an offloaded call, or leave it running."""

    def call() -> None:
        native.sleep(rng.random() * 0.002)
        raise Bad("offloaded")

    try:
        with weft.move_on_after(rng.choice([0.001, 60])):
            weft.offload(call)
            check(False, "an offloaded error is lost")
    except Bad:
        pass


@operation(0.05)
def at_the_end(world: World, rng: Random, depth: int) -> None:
    """Let threads run tasks when the interpreter ends; they start after the run's checks."""
    if len(world.endings) >= 4:
        return
    began = weft.Event()

    def spin(number: int) -> None:
        while True:
            weft.sleep(0.0005 * (number + 1))

    def work() -> None:
        for number in range(3):
            weft.spawn(spin, number)
        weft.sleep(0)
        began.set()
        weft.sleep(3600)

    def start() -> None:
        native.start_new_thread(work, ())
        began.wait(10)

    world.endings.append(start)
