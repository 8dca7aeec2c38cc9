"""Locks, semaphores, conditions, limiters, barriers and events that all tasks share."""

from random import Random
from threading import BrokenBarrierError

import weft

from ..world import PATIENCE, World, check
from . import operation


def linger(rng: Random) -> None:
    """Stay for a moment."""
    weft.sleep(rng.random() * 0.002 if rng.random() < 0.5 else 0)


@operation(5)
def lock(world: World, rng: Random, depth: int) -> None:
    """Hold the lock, alone."""
    if world.shared.lock.acquire(timeout=rng.random() * 0.01):
        try:
            with world.inside.entered("lock", 1):
                linger(rng)
        finally:
            world.shared.lock.release()


@operation(3)
def rlock(world: World, rng: Random, depth: int) -> None:
    """Hold the recursive lock twice."""
    with world.shared.rlock, world.shared.rlock, world.inside.entered("rlock", 1):
        linger(rng)


@operation(3)
def semaphore(world: World, rng: Random, depth: int) -> None:
    """Hold one of three permits."""
    if world.shared.semaphore.acquire(timeout=rng.random() * 0.01):
        try:
            with world.inside.entered("semaphore", 3):
                linger(rng)
        finally:
            world.shared.semaphore.release()


@operation(4)
def condition(world: World, rng: Random, depth: int) -> None:
    """Wait for the condition or notify; its lock excludes the others afterwards, too."""
    shared = world.shared.condition
    with shared:
        if rng.random() < 0.5:
            shared.wait(rng.random() * 0.005)
        else:
            shared.notify(rng.randint(1, 3))
        with world.inside.entered("condition", 1):
            if rng.random() < 0.2:
                linger(rng)


@operation(4)
def rwlock(world: World, rng: Random, depth: int) -> None:
    """Read beside readers, or write alone."""
    shared, inside = world.shared.rwlock, world.inside
    if rng.random() < 0.7:
        if shared.acquire_read(rng.random() * 0.01):
            try:
                with inside.entered("readers", 1000):
                    check(not inside.within["writer"], "a reader beside a writer")
                    weft.sleep(0)
            finally:
                shared.release_read()
    elif shared.acquire_write(rng.random() * 0.01):
        try:
            with inside.entered("writer", 1):
                check(not inside.within["readers"], "a writer beside readers")
                weft.sleep(0)
        finally:
            shared.release_write()


@operation(3)
def limiter(world: World, rng: Random, depth: int) -> None:
    """Borrow one of four tokens, once a task."""
    shared = world.shared.limiter
    if weft.current_task() not in shared.borrowers and shared.acquire(rng.random() * 0.01):
        try:
            with world.inside.entered("limiter", 4):
                linger(rng)
        finally:
            shared.release()


@operation(2)
def event(world: World, rng: Random, depth: int) -> None:
    """Set, clear or wait for the event."""
    shared, choice = world.shared.event, rng.random()
    if choice < 0.3:
        shared.set()
    elif choice < 0.6:
        shared.clear()
    else:
        shared.wait(rng.random() * 0.01)


@operation(1)
def barrier(world: World, rng: Random, depth: int) -> None:
    """Meet at a barrier: everybody passes once, or everybody sees that it broke."""
    parties = rng.randint(1, 4)
    private = weft.Barrier(parties, timeout=PATIENCE)
    places: list[int] = []

    def meet() -> None:
        try:
            places.append(private.wait())
        except BrokenBarrierError:
            places.append(-1)

    tasks = [weft.spawn(meet) for _ in range(parties)]
    aborted = rng.random() < 0.2
    try:
        weft.sleep(0)
        if aborted:
            private.abort()
        weft.joinall(tasks, PATIENCE)
    finally:
        if not all(task.done() for task in tasks):
            private.abort()
        world.settle(tasks, cancel=False)
    if not aborted and -1 not in places:
        check(sorted(places) == list(range(parties)), "places at a barrier", places)


@operation(1)
def handover(world: World, rng: Random, depth: int) -> None:
    """Wait for a lock in a row; each gets it once, or gives up."""
    private, order = weft.Lock(), []
    private.acquire()

    def take(place: int) -> None:
        if private.acquire(timeout=PATIENCE):
            order.append(place)
            private.release()

    tasks = [weft.spawn(take, place) for place in range(rng.randint(2, 6))]
    gone = set(rng.sample(range(len(tasks)), rng.randint(0, 2)))
    try:
        weft.sleep(0)
        for place in gone:
            tasks[place].cancel()
    finally:
        private.release()
        world.settle(tasks, cancel=False)
    # Not their order: a signal or a spent budget may let a later one come first. One that was cancelled
    # while it gave way, before it waited, finds the lock free: to take a free lock is no wait.
    stayed = [place for place in range(len(tasks)) if place not in gone]
    check(sorted(set(order) - gone) == stayed, "who got the lock", order, gone)
    check(len(set(order)) == len(order), "somebody got the lock twice", order)
    check(not private.locked(), "a lock that nobody holds is locked")
