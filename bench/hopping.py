"""Two tasks that pass an item to and fro through two queues: microseconds a hop. Each peer's `Queue`, without a bound."""

from typing import Any

from bench.work import Work, best, scale

COUNT = 50_000


def timed(run: Any) -> float:
    return best(run, 2 * scale(COUNT))


def plain(spawn: Any, joinall: Any, queue: Any) -> float:
    there, back = queue(), queue()

    def serve() -> None:
        for item in range(scale(COUNT)):
            there.put(item)
            back.get()

    def answer() -> None:
        for _ in range(scale(COUNT)):
            back.put(there.get())

    return timed(lambda: joinall([spawn(serve), spawn(answer)]))


def weft(_: int) -> float:
    import weft

    return plain(weft.spawn, weft.joinall, weft.Queue)


def gevent(_: int) -> float:
    import gevent
    import gevent.queue

    return plain(gevent.spawn, gevent.joinall, gevent.queue.Queue)


async def both() -> None:
    import asyncio

    there: asyncio.Queue[int] = asyncio.Queue()
    back: asyncio.Queue[int] = asyncio.Queue()

    async def serve() -> None:
        for item in range(scale(COUNT)):
            await there.put(item)
            await back.get()

    async def answer() -> None:
        for _ in range(scale(COUNT)):
            await back.put(await there.get())

    await asyncio.gather(serve(), answer())


def asyncio(_: int) -> float:
    import asyncio

    return timed(lambda: asyncio.run(both()))


def uvloop(_: int) -> float:
    import uvloop

    return timed(lambda: uvloop.run(both()))


WORK = Work(
    "pass an item through a queue",
    "µs",
    {"weft": weft, "gevent": gevent, "asyncio": asyncio, "uvloop": uvloop},
    {"gevent": 6},
    samples=4,
)

if __name__ == "__main__":
    WORK.main()
