"""trio's toolkit."""

from collections.abc import Callable
from typing import Any

import trio

Run = Callable[[], object]


async def nap(item: Any = None) -> Any:
    await trio.lowlevel.checkpoint()
    return item


async def nothing() -> None:
    pass


def nursery(*works: Any, count: int = 1) -> Run:
    """Each of `works`, `count` times, in one nursery."""

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(count):
                for work in works:
                    nursery.start_soon(work)

    return lambda: trio.run(main)


def switching(count: int) -> Run:
    async def give_way() -> None:
        for _ in range(count // 2):
            await trio.lowlevel.checkpoint()

    return nursery(give_way, give_way)


def spawning(count: int) -> Run:
    return nursery(nothing, count=count)


def alive(count: int) -> Run:
    async def main() -> None:
        event = trio.Event()
        async with trio.open_nursery() as nursery:
            for _ in range(count):
                nursery.start_soon(event.wait)
            await trio.lowlevel.checkpoint()
            event.set()

    return lambda: trio.run(main)


def queue(count: int) -> Run:
    def run() -> None:
        there = trio.open_memory_channel[int](count)
        back = trio.open_memory_channel[int](count)

        async def serve() -> None:
            for item in range(count // 2):
                await there[0].send(item)
                await back[1].receive()

        async def answer() -> None:
            for _ in range(count // 2):
                await back[0].send(await there[1].receive())

        nursery(serve, answer)()

    return run


def handover(count: int) -> Run:
    def run() -> None:
        first, second = trio.Semaphore(0), trio.Semaphore(0)

        def serve(mine: trio.Semaphore, other: trio.Semaphore) -> Any:
            async def work() -> None:
                for _ in range(count // 2):
                    other.release()
                    await mine.acquire()

            return work

        nursery(serve(first, second), serve(second, first))()

    return run


def contend(make: Callable[[], Any], tasks: int, count: int) -> Run:
    async def main() -> None:
        async def work() -> None:
            for _ in range(count // tasks):
                async with lock:
                    await trio.lowlevel.checkpoint()

        lock = make()
        async with trio.open_nursery() as nursery:
            for _ in range(tasks):
                nursery.start_soon(work)

    return lambda: trio.run(main)


def lock(count: int) -> Run:
    return contend(trio.Lock, 2, count)


def semaphore(count: int) -> Run:
    return contend(lambda: trio.Semaphore(3), 10, count)


def channel(count: int) -> Run:
    async def main() -> None:
        sending, receiving = trio.open_memory_channel[int](0)

        async def send() -> None:
            for item in range(count):
                await sending.send(item)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            for _ in range(count):
                await receiving.receive()

    return lambda: trio.run(main)


def group(count: int) -> Run:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(count):
                nursery.start_soon(nap)

    return lambda: trio.run(main)


def timeout(count: int) -> Run:
    async def main() -> None:
        for _ in range(count):
            with trio.fail_after(60):
                pass

    return lambda: trio.run(main)


def map(count: int) -> Run:
    async def main() -> None:
        limit = trio.Semaphore(100)

        async def work(item: int) -> None:
            try:
                await nap(item)
            finally:
                limit.release()

        async with trio.open_nursery() as nursery:
            for item in range(count):
                await limit.acquire()
                nursery.start_soon(work, item)

    return lambda: trio.run(main)


def pipeline(count: int) -> Run:
    async def main() -> None:
        async def work(source: Any, target: Any) -> None:
            async with source:
                async for item in source:
                    await nap(item)
                    if target is not None:
                        await target.send(item)
            if target is not None:
                await target.aclose()

        async with trio.open_nursery() as nursery:
            lines = [trio.open_memory_channel[int](8) for _ in range(3)]
            targets = [lines[1][0], lines[2][0], None]
            for (_, source), target in zip(lines, targets, strict=True):
                for _ in range(4):
                    nursery.start_soon(work, source.clone(), None if target is None else target.clone())
                await source.aclose()
                if target is not None:
                    await target.aclose()
            async with lines[0][0] as first:
                for item in range(count):
                    await first.send(item)

    return lambda: trio.run(main)
