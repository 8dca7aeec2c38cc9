"""Raw greenlets inside tasks: made here, finished there, dropped, and thrown into."""

from random import Random
from typing import Any

from greenlet import getcurrent, greenlet

import weft

from ..world import Bad, World, check
from . import operation


@operation(3)
def inside(world: World, rng: Random, depth: int) -> None:
    """Run a greenlet inside the task; what it waits for parks the task, which goes on in it."""
    me = weft.current_task()

    def body(value: int) -> int:
        weft.sleep(0)
        check(weft.current_task() is me, "another task inside a greenlet")
        value += getcurrent().parent.switch(value + 1)
        with world.shared.rlock:
            weft.sleep(0)
        return value

    raw = greenlet(body)
    check(raw.switch(1) == 2, "a greenlet's first value")
    weft.sleep(0)
    check(raw.switch(10) == 11 and raw.dead, "a greenlet's last value")


@operation(2)
def dropped(world: World, rng: Random, depth: int) -> None:
    """Drop a suspended greenlet: GreenletExit ends it, and its clean-up may wait."""
    cleaned: list[int] = []

    def body() -> None:
        try:
            getcurrent().parent.switch()
        finally:
            try:
                weft.sleep(0)
            finally:
                cleaned.append(1)

    raw = greenlet(body)
    raw.switch()
    del raw
    check(cleaned == [1], "a dropped greenlet's clean-up did not run")


@operation(2)
def outlives(world: World, rng: Random, depth: int) -> None:
    """Make a greenlet in a task, and finish it from another task, before or after the first ends."""
    ends_first = rng.random() < 0.5
    waits = rng.random() < 0.5
    made: list[Any] = []

    def make() -> None:
        def body() -> str:
            getcurrent().parent.switch("first")
            if waits:
                weft.sleep(0)
            return "second"

        raw = greenlet(body)
        check(raw.switch() == "first", "a greenlet's first value")
        made.append(raw)
        if not ends_first:
            weft.sleep(0.002)

    task = weft.spawn(make)
    try:
        weft.sleep(0)
    finally:
        if ends_first:
            world.settle([task], cancel=False)
        if made:
            raw = made.pop()
            raw.parent = getcurrent()
            value = raw.switch()
            check(value == "second", "a greenlet that outlived its task", value)
        world.settle([task], cancel=False)
    task.result()


@operation(1)
def orphan(world: World, rng: Random, depth: int) -> None:
    """Switch to a greenlet whose task has ended, without giving it another parent."""

    def make() -> Any:
        def body() -> str:
            getcurrent().parent.switch("first")
            return "second"

        raw = greenlet(body)
        raw.switch()
        return raw

    task = weft.spawn(make)
    world.settle([task], cancel=False)
    raw = task.result()
    del task
    if rng.random() < 0.5:
        world.settle([weft.spawn(weft.sleep, 0)], cancel=False)
    value = raw.switch()
    check(value == "second", "an orphaned greenlet", value)


@operation(1)
def thrown(world: World, rng: Random, depth: int) -> None:
    """Throw into a parked task from outside: it gets the error where it waits, and all go on."""
    error = Bad("thrown")
    parked: list[Any] = []
    caught: list[BaseException] = []

    def wait() -> None:
        parked.append(getcurrent())
        try:
            weft.sleep(3600)
        except BaseException as one:
            caught.append(one)
            if rng.random() < 0.5:
                raise

    task = weft.spawn(wait)
    try:
        weft.sleep(0)
    finally:
        if parked:
            try:
                parked[0].throw(error)
            except (Bad, weft.WeftError):
                pass
        with weft.CancelScope(shield=True):
            weft.sleep(0.001)
        parked.clear()
        world.settle([task])
        if not task.cancelled():
            task.exception()  # fetched, so that nobody reports it
    if caught:
        check(caught[0] is error or isinstance(caught[0], weft.Cancelled), "thrown", caught)
