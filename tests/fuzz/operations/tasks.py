"""Tasks: spawned, spawned later, joined, cancelled, dropped."""

import gc
from contextvars import ContextVar
from random import Random
from typing import Any

import weft

from ..world import Bad, World, check
from . import operation

variable: ContextVar[object] = ContextVar("variable", default=None)


@operation(6)
def sleep(world: World, rng: Random, depth: int) -> None:
    """Sleep for a moment, or give way."""
    weft.sleep(0 if rng.random() < 0.5 else rng.random() * 0.003)


@operation(2)
def fail(world: World, rng: Random, depth: int) -> None:
    """End the task with an error."""
    raise Bad(depth)


@operation(2)
def cancel(world: World, rng: Random, depth: int) -> None:
    """Cancel some root task, perhaps the own one."""
    if roots := list(world.roots):
        rng.choice(roots).cancel()


@operation(3)
def later(world: World, rng: Random, depth: int) -> None:
    """Spawn later; a task that was taken back in time never runs."""
    ran: list[int] = []
    delay = rng.choice([0.0, rng.random() * 0.01, 3600.0])
    task = weft.spawn_later(delay, ran.append, 1)
    if rng.random() < 0.3:
        task.add_done_callback(lambda _: None)
    try:
        if rng.random() < 0.3:
            weft.sleep(rng.random() * 0.01)
    finally:
        if delay > 100 or rng.random() < 0.6:
            before = task.done()
            taken = task.cancel()
            check(not (before and taken), "cancel() of an ended task")
            check(taken or task.done(), "cancel() refused for a task that has not ended")
        world.settle([task], cancel=False)
    check(task.cancelled() is not bool(ran), "a task ran that was taken back", task, ran)


@operation(1)
def cancel_later_twice(world: World, rng: Random, depth: int) -> None:
    """Cancel a task that was spawned later from here and from another OS thread, in any order."""
    ran: list[int] = []
    task = weft.spawn_later(3600, ran.append, 1)
    calls = [task.cancel, task.cancel]
    if rng.random() < 0.5:
        done = world.thread(calls.pop())
        if rng.random() < 0.5:
            calls.pop()()
        world.await_thread(done)
    for call in calls:
        call()
    world.settle([task], cancel=False)
    weft.sleep(0)
    check(task.cancelled() and not ran, "cancelled twice", task, ran)


@operation(2)
def outcome(world: World, rng: Random, depth: int) -> None:
    """Read a task's outcome: its own value or its own error, from several joiners."""
    value, error = object(), Bad("outcome")
    fails = rng.random() < 0.5

    def work() -> object:
        weft.sleep(rng.random() * 0.001)
        if fails:
            raise error
        return value

    task = weft.spawn(work)
    joiners = [weft.spawn(task.join) for _ in range(rng.randint(0, 3))]
    called: list[object] = []
    task.add_done_callback(called.append)
    world.settle([task, *joiners], cancel=False)
    check(task.exception() is (error if fails else None), "the wrong error", task)
    check(fails or task.result() is value, "the wrong value", task)
    world.eventually(lambda: called == [task], "a callback is called once", called)


@operation(2)
def context(world: World, rng: Random, depth: int) -> None:
    """Set context variables: each task has its spawner's, and its own changes."""
    mine = object()

    def child(expected: object) -> None:
        check(variable.get() is expected, "not the spawner's value")
        variable.set(own := object())
        weft.sleep(0)
        check(variable.get() is own, "another task's value")

    token = variable.set(mine)
    try:
        tasks = [weft.spawn(child, mine) for _ in range(rng.randint(1, 3))]
        world.settle(tasks, cancel=False)
        check(variable.get() is mine, "a task changed its spawner's value")
    finally:
        variable.reset(token)
    for task in tasks:
        task.result()


@operation(2)
def local(world: World, rng: Random, depth: int) -> None:
    """Set an attribute of the shared local: nobody else sees it."""
    own = object()
    before = getattr(world.shared.local, "value", None)
    world.shared.local.value = own
    weft.sleep(0)
    check(world.shared.local.value is own, "another task's attribute")
    if before is None:
        del world.shared.local.value
    else:
        world.shared.local.value = before


class Cycle:
    """An object in a cycle whose finalizer wakes others, and sometimes waits."""

    def __init__(self, world: World, waits: bool) -> None:
        self.me = self
        self.world = world
        self.waits = waits

    def __del__(self) -> None:
        self.world.shared.event.set()
        self.world.shared.simple.put(None)
        if self.waits:
            try:
                weft.sleep(0)
            except weft.Cancelled:
                pass


@operation(2)
def finalizer(world: World, rng: Random, depth: int) -> None:
    """Drop a cycle; the collector runs its finalizer wherever it is."""
    Cycle(world, False)
    if rng.random() < 0.3:
        gc.collect(0)


@operation(1)
def finalizer_waits(world: World, rng: Random, depth: int) -> None:
    """Drop a cycle whose finalizer gives way."""
    Cycle(world, True)
    if rng.random() < 0.3:
        gc.collect(0)


@operation(1)
def dropped(world: World, rng: Random, depth: int) -> None:
    """Drop the handles of tasks that then run, fail on request, and end."""
    ended: list[int] = []

    def work(number: int) -> None:
        weft.sleep(0)
        ended.append(number)

    count = rng.randint(1, 5)
    for number in range(count):
        weft.spawn(work, number)
    world.eventually(lambda: len(ended) == count, "tasks whose handle was dropped", ended, count)


@operation(1)
def joined(world: World, rng: Random, depth: int) -> None:
    """Join several tasks at once, with and without a timeout."""
    tasks: list[weft.Task[Any]] = [weft.spawn(weft.sleep, rng.random() * 0.004) for _ in range(5)]
    try:
        ended = weft.joinall(tasks, rng.choice([0, 0.002, None]))
        check(all(task.done() for task in ended), "joinall returned a live task")
        done, left = weft.wait(tasks, timeout=rng.choice([0, 0.002]))
        check(done | left == set(tasks), "wait", done, left)
    finally:
        world.settle(tasks)
