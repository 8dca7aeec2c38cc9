"""asyncio's toolkit."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

Run = Callable[[], object]
run: Any = asyncio.run  # uvloop_works puts its own here


async def nap(item: Any = None) -> Any:
    await asyncio.sleep(0)
    return item


def within(main: Callable[[], Coroutine[Any, Any, object]]) -> Run:
    return lambda: run(main())


async def nothing() -> None:
    pass


def switching(count: int) -> Run:
    async def main() -> None:
        async def give_way() -> None:
            sleep = asyncio.sleep
            for _ in range(count // 2):
                await sleep(0)

        await asyncio.gather(give_way(), give_way())

    return within(main)


def spawning(count: int) -> Run:
    async def main() -> None:
        await asyncio.gather(*[asyncio.create_task(nothing()) for _ in range(count)])

    return within(main)


def alive(count: int) -> Run:
    async def main() -> None:
        event = asyncio.Event()
        tasks = [asyncio.create_task(event.wait()) for _ in range(count)]
        await asyncio.sleep(0)
        event.set()
        await asyncio.gather(*tasks)

    return within(main)


def queue(count: int) -> Run:
    async def main() -> None:
        there: asyncio.Queue[int] = asyncio.Queue()
        back: asyncio.Queue[int] = asyncio.Queue()

        async def serve() -> None:
            for item in range(count // 2):
                await there.put(item)
                await back.get()

        async def answer() -> None:
            for _ in range(count // 2):
                await back.put(await there.get())

        await asyncio.gather(serve(), answer())

    return within(main)


def handover(count: int) -> Run:
    async def main() -> None:
        first, second = asyncio.Semaphore(0), asyncio.Semaphore(0)

        async def serve(mine: asyncio.Semaphore, other: asyncio.Semaphore) -> None:
            for _ in range(count // 2):
                other.release()
                await mine.acquire()

        await asyncio.gather(serve(first, second), serve(second, first))

    return within(main)


def wake(count: int) -> Run:
    async def main() -> None:
        first, second = asyncio.Event(), asyncio.Event()
        first.set()

        async def serve(mine: asyncio.Event, other: asyncio.Event) -> None:
            for _ in range(count // 2):
                await mine.wait()
                mine.clear()
                other.set()

        await asyncio.gather(serve(first, second), serve(second, first))

    return within(main)


def timers(count: int) -> Run:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        handles = [loop.call_later(60 + number % 100, print) for number in range(count)]
        for handle in handles:
            handle.cancel()

    return within(main)


def contend(make: Callable[[], Any], tasks: int, count: int) -> Run:
    async def main() -> None:
        async def work() -> None:
            for _ in range(count // tasks):
                async with lock:
                    await asyncio.sleep(0)

        lock = make()
        await asyncio.gather(*(work() for _ in range(tasks)))

    return within(main)


def lock(count: int) -> Run:
    return contend(asyncio.Lock, 2, count)


def semaphore(count: int) -> Run:
    return contend(lambda: asyncio.Semaphore(3), 10, count)


def channel(count: int) -> Run:
    async def main() -> None:
        line: asyncio.Queue[int] = asyncio.Queue(1)

        async def send() -> None:
            for item in range(count):
                await line.put(item)

        sender = asyncio.create_task(send())
        for _ in range(count):
            await line.get()
        await sender

    return within(main)


def select(count: int) -> Run:
    async def main() -> None:
        lines: list[asyncio.Queue[int]] = [asyncio.Queue(1), asyncio.Queue(1)]

        async def send(line: "asyncio.Queue[int]") -> None:
            for item in range(count // 2):
                await line.put(item)

        senders = [asyncio.create_task(send(line)) for line in lines]
        waiting = {asyncio.create_task(line.get()): line for line in lines}
        left = count // 2 * 2
        while left:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                line = waiting.pop(task)
                left -= 1
                waiting[asyncio.create_task(line.get())] = line
        for task in [*waiting, *senders]:
            task.cancel()

    return within(main)


def group(count: int) -> Run:
    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(count):
                tasks.create_task(nap())

    return within(main)


def timeout(count: int) -> Run:
    async def main() -> None:
        for _ in range(count):
            async with asyncio.timeout(60):
                pass

    return within(main)


def map(count: int) -> Run:
    async def main() -> None:
        limit = asyncio.Semaphore(100)

        async def work(item: int) -> int:
            try:
                await nap()
                return item
            finally:
                limit.release()

        async with asyncio.TaskGroup() as tasks:
            for item in range(count):
                await limit.acquire()
                tasks.create_task(work(item))

    return within(main)


def pipeline(count: int) -> Run:
    async def main() -> None:
        lines: list[asyncio.Queue[int | None]] = [asyncio.Queue(8) for _ in range(3)]

        async def work(source: Any, target: Any) -> None:
            while (item := await source.get()) is not None:
                await nap(item)
                if target is not None:
                    await target.put(item)

        async def stage(source: Any, target: Any) -> None:
            await asyncio.gather(*(work(source, target) for _ in range(4)))
            if target is not None:
                for _ in range(4):
                    await target.put(None)

        async with asyncio.TaskGroup() as tasks:
            for source, target in zip(lines, [*lines[1:], None], strict=True):
                tasks.create_task(stage(source, target))
            for item in range(count):
                await lines[0].put(item)
            for _ in range(4):
                await lines[0].put(None)

    return within(main)
