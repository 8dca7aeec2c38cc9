"""Two tasks that give way to one another: microseconds a switch."""

from typing import Any

from bench.work import Work, best, scale

COUNT = 100_000


def timed(run: Any) -> float:
    return best(run, 2 * scale(COUNT))


def weft(_: int) -> float:
    import weft

    def give_way() -> None:
        sleep = weft.sleep
        for _ in range(scale(COUNT)):
            sleep(0)

    return timed(lambda: weft.joinall([weft.spawn(give_way), weft.spawn(give_way)]))


def gevent(_: int) -> float:
    import gevent

    def give_way() -> None:
        sleep = gevent.sleep
        for _ in range(scale(COUNT)):
            sleep(0)

    return timed(lambda: gevent.joinall([gevent.spawn(give_way), gevent.spawn(give_way)]))


def greenlet(_: int) -> float:
    from greenlet import greenlet

    def give_way(other: Any) -> None:
        for _ in range(scale(COUNT)):
            other.switch()

    def both() -> None:
        first, second = greenlet(lambda: give_way(second)), greenlet(lambda: give_way(first))
        first.switch()

    return timed(both)


async def two(sleep: Any, gather: Any) -> None:
    async def give_way() -> None:
        for _ in range(scale(COUNT)):
            await sleep(0)

    await gather(give_way(), give_way())


def asyncio(_: int) -> float:
    import asyncio

    return timed(lambda: asyncio.run(two(asyncio.sleep, asyncio.gather)))


def uvloop(_: int) -> float:
    import asyncio

    import uvloop

    return timed(lambda: uvloop.run(two(asyncio.sleep, asyncio.gather)))


WORK = Work(
    "yield between two tasks",
    "µs",
    {"weft": weft, "gevent": gevent, "asyncio": asyncio, "uvloop": uvloop, "greenlet": greenlet},
    {"gevent": 5},
    samples=4,
)

if __name__ == "__main__":
    WORK.main()
