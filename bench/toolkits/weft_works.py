"""weft's toolkit."""

from collections.abc import Iterator
from typing import Any

import weft
from bench.toolkits.plain import Plain, Run, nothing


def nap(item: Any = None) -> Any:
    weft.sleep(0)
    return item


plain = Plain(weft.spawn, weft.joinall, weft.sleep, weft.Queue, weft.Semaphore, weft.Event)
switching, spawning, alive, queue, handover, wake = plain.switching, plain.spawning, plain.alive, plain.queue, plain.handover, plain.wake


def timers(count: int) -> Run:
    def run() -> None:
        tasks = [weft.spawn_later(60 + number % 100, nothing) for number in range(count)]
        for task in tasks:
            task.cancel()

    return run


def lock(count: int) -> Run:
    return plain.contend(weft.Lock, 2, count)


def semaphore(count: int) -> Run:
    return plain.contend(lambda: weft.Semaphore(3), 10, count)


def channel(count: int) -> Run:
    def send(line: "weft.Channel[int]") -> None:
        for item in range(count):
            line.send(item)

    def run() -> None:
        line: weft.Channel[int] = weft.Channel()
        weft.spawn(send, line)
        for _ in range(count):
            line.receive()

    return run


def select(count: int) -> Run:
    def send(line: "weft.Channel[int]") -> None:
        for item in range(count // 2):
            line.send(item)

    def run() -> None:
        lines: list[weft.Channel[int]] = [weft.Channel(), weft.Channel()]
        for line in lines:
            weft.spawn(send, line)
        for _ in range(count // 2 * 2):
            weft.select(*lines)

    return run


def group(count: int) -> Run:
    def run() -> None:
        with weft.TaskGroup() as tasks:
            for _ in range(count):
                tasks.spawn(nap)

    return run


def timeout(count: int) -> Run:
    def run() -> None:
        for _ in range(count):
            with weft.timeout(60):
                pass

    return run


def map(count: int) -> Run:
    def run() -> None:
        for _ in weft.map(nap, range(count), concurrency=100):
            pass

    return run


def pipeline(count: int) -> Run:
    def items() -> Iterator[int]:
        yield from range(count)

    return lambda: (items() | weft.stage(nap, concurrency=4) | weft.stage(nap, concurrency=4) | weft.sink(nap, concurrency=4)).run()
