"""weft's toolkit."""

from collections.abc import Callable, Iterator
from typing import Any

import weft

Run = Callable[[], object]


def nap(item: Any = None) -> Any:
    weft.sleep(0)
    return item


def contend(make: Callable[[], Any], tasks: int, count: int) -> Run:
    def work() -> None:
        for _ in range(count // tasks):
            with lock:
                weft.sleep(0)

    lock = make()
    return lambda: weft.joinall([weft.spawn(work) for _ in range(tasks)])


def lock(count: int) -> Run:
    return contend(weft.Lock, 2, count)


def semaphore(count: int) -> Run:
    return contend(lambda: weft.Semaphore(3), 10, count)


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
