"""1,000,000 tasks that sleep until one moment, and are all woken then: seconds of CPU, and the most memory, with the interpreter's own."""

import resource
import subprocess
import sys
import time
from collections.abc import Callable

from bench import programs
from bench.work import Figure, Measured, Row, Work, pin, scale

COUNT = 1_000_000
# seconds from the start to the moment: enough to start all before
WAITS = {"weft": 30, "asyncio": 30, "uvloop": 30, "trio": 60, "go": 5, "java": 15}


def used() -> tuple[float, float]:
    """CPU seconds and peak megabytes of this process."""
    mine = resource.getrusage(resource.RUSAGE_SELF)
    return mine.ru_utime + mine.ru_stime, mine.ru_maxrss * 1024 / 1e6


def asleep(end: float) -> float:
    """Seconds to sleep; the last to begin must do so before the first is woken, or fewer than all would have been asleep at once."""
    left = end - time.monotonic()
    assert left > 0, "too slow for the moment to wake at"
    return left


def weft(_: int) -> Measured:
    import weft

    end = moment("weft")

    def nap() -> None:
        weft.sleep(asleep(end))

    weft.joinall([weft.spawn(nap) for _ in range(scale(COUNT))])
    return used()


def moment(peer: str) -> float:
    pin(0)
    return time.monotonic() + max(scale(100 * WAITS[peer]) / 100, 1)


async def many(end: float) -> None:
    import asyncio

    async def nap() -> None:
        await asyncio.sleep(asleep(end))

    await asyncio.gather(*[asyncio.create_task(nap()) for _ in range(scale(COUNT))])


def asyncio(_: int) -> Measured:
    import asyncio

    asyncio.run(many(moment("asyncio")))
    return used()


def uvloop(_: int) -> Measured:
    import uvloop

    uvloop.run(many(moment("uvloop")))
    return used()


def trio(_: int) -> Measured:
    import trio

    end = moment("trio")

    async def nap() -> None:
        await trio.sleep(asleep(end))

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(scale(COUNT)):
                nursery.start_soon(nap)

    trio.run(main)
    return used()


def program(name: str) -> Callable[[int], Measured]:
    def measure(_: int) -> Measured:
        seconds = max(scale(100 * WAITS[name]) // 100, 1)
        words = [*(str(word) for word in programs.COMMANDS[name]()), "million", str(scale(COUNT)), str(seconds)]
        pin(0)
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=sys.stderr, text=True, check=True)
        spent, megabytes = done.stdout.split()
        return float(spent), float(megabytes)

    return measure


WORK = Work(
    "scale",
    {"weft": weft, "asyncio": asyncio, "uvloop": uvloop, "trio": trio} | {name: program(name) for name in programs.COMMANDS},
    (Row("1,000,000 tasks asleep, then all woken", (Figure("s of CPU", {"asyncio": 1, "trio": 1}), Figure("MB", at_most=7000))),),
)

if __name__ == "__main__":
    WORK.main()
