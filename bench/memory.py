"""Bytes of resident memory for each of many tasks: parked, and not started yet."""

import os
from collections.abc import Callable
from typing import Any

from bench.process import resident
from bench.work import Figure, Row, Work, scale

COUNT = 100_000


def each(before: int) -> float:
    return (resident() - before) / scale(COUNT)


def nothing() -> None:
    pass


def plain(row: int, spawn: Any, sleep: Any) -> float:
    """For all that look like threads."""
    asleep = 0

    def nap() -> None:
        nonlocal asleep
        asleep += 1
        sleep(3600)

    sleep(0.001)
    tasks = [None] * scale(COUNT)
    before = resident()
    for number in range(scale(COUNT)):
        tasks[number] = spawn(nothing if row else nap)
    while not row and asleep < scale(COUNT):
        sleep(0.01)
    return each(before)


def weft(row: int) -> float:
    import weft

    return plain(row, weft.spawn, weft.sleep)


def gevent(row: int) -> float:
    import gevent

    return plain(row, gevent.spawn, gevent.sleep)


def eventlet(row: int) -> float:
    import eventlet

    return plain(row, eventlet.spawn, eventlet.sleep)


def greenlet(row: int) -> float:
    from greenlet import getcurrent, greenlet

    main = getcurrent()

    def park() -> None:
        main.switch()

    tasks: list[Any] = [None] * scale(COUNT)
    before = resident()
    for number in range(scale(COUNT)):
        tasks[number] = greenlet(park)
        if not row:
            tasks[number].switch()
    return each(before)


def asyncio(row: int) -> float:
    import asyncio

    async def many() -> float:
        async def nap() -> None:
            await asyncio.sleep(3600)

        tasks: list[Any] = [None] * scale(COUNT)
        before = resident()
        for number in range(scale(COUNT)):
            tasks[number] = asyncio.create_task(nap())
        if not row:
            await asyncio.sleep(0.001)
        bytes_each = each(before)
        for task in tasks:
            task.cancel()
        return bytes_each

    return asyncio.run(many())


PEERS: dict[str, Callable[[int], float]] = {"weft": weft, "gevent": gevent, "eventlet": eventlet, "asyncio": asyncio, "greenlet": greenlet}
WORK = Work(
    "memory",
    PEERS,  # type: ignore[arg-type]
    (
        Row("a task that sleeps", (Figure("bytes", {"gevent": 8.3 / 6.6}, at_most=6600),)),
        Row("a task that has not started", (Figure("bytes", at_most=400),)),
    ),
    quick=(0,),
    few=("weft", "gevent", "greenlet", "asyncio"),
)


def main() -> None:
    WORK.main()
    import sys

    sys.stdout.flush()
    os._exit(0)  # thousands sleep for an hour; nobody wakes them one by one


if __name__ == "__main__":
    main()
