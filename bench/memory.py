"""20,000 tasks that sleep: bytes of resident memory for each."""

import os
from typing import Any

from bench.work import Work, scale

COUNT = 20_000


def resident() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def each(before: int) -> float:
    return (resident() - before) / scale(COUNT)


def plain(spawn: Any, sleep: Any) -> float:
    asleep = 0

    def nap() -> None:
        nonlocal asleep
        asleep += 1
        sleep(3600)

    spawn(sleep, 0.001).join()
    before = resident()
    tasks = [spawn(nap) for _ in range(scale(COUNT))]
    while asleep < scale(COUNT):
        sleep(0.01)
    bytes_each = each(before)
    assert len(tasks) == scale(COUNT)
    return bytes_each


def weft(_: int) -> float:
    import weft

    return plain(weft.spawn, weft.sleep)


def gevent(_: int) -> float:
    import gevent

    return plain(gevent.spawn, gevent.sleep)


def asyncio(_: int) -> float:
    import asyncio

    async def many() -> float:
        async def nap() -> None:
            await asyncio.sleep(3600)

        before = resident()
        tasks = [asyncio.create_task(nap()) for _ in range(scale(COUNT))]
        await asyncio.sleep(0.001)
        bytes_each = each(before)
        for task in tasks:
            task.cancel()
        return bytes_each

    return asyncio.run(many())


WORK = Work("memory of a waiting task", "bytes", {"weft": weft, "gevent": gevent, "asyncio": asyncio}, {"gevent": 1 / 0.85})


def main() -> None:
    WORK.main()
    import sys

    sys.stdout.flush()
    os._exit(0)  # thousands sleep for an hour; nobody wakes them one by one


if __name__ == "__main__":
    main()
