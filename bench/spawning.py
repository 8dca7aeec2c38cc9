"""100,000 tasks that do nothing, spawned and joined: microseconds a task."""

from typing import Any

from bench.work import Work, best, scale

COUNT = 100_000


def nothing() -> None:
    pass


def timed(run: Any) -> float:
    return best(run, scale(COUNT))


def weft(_: int) -> float:
    import weft

    return timed(lambda: weft.joinall([weft.spawn(nothing) for _ in range(scale(COUNT))]))


def gevent(_: int) -> float:
    import gevent

    return timed(lambda: gevent.joinall([gevent.spawn(nothing) for _ in range(scale(COUNT))]))


async def many() -> None:
    import asyncio

    async def nothing() -> None:
        pass

    await asyncio.gather(*[asyncio.create_task(nothing()) for _ in range(scale(COUNT))])


def asyncio(_: int) -> float:
    import asyncio

    return timed(lambda: asyncio.run(many()))


def uvloop(_: int) -> float:
    import uvloop

    return timed(lambda: uvloop.run(many()))


WORK = Work(
    "spawn and join 100,000 tasks", "µs each", {"weft": weft, "gevent": gevent, "asyncio": asyncio, "uvloop": uvloop}, {"gevent": 30}
)

if __name__ == "__main__":
    WORK.main()
