"""weft's toolkit."""

from collections.abc import Callable, Iterator
from typing import Any

import weft

Run = Callable[[], object]


def nap(item: Any = None) -> Any:
    weft.sleep(0)
    return item


def nothing() -> None:
    pass


def switching(count: int) -> Run:
    def give_way() -> None:
        sleep = weft.sleep
        for _ in range(count // 2):
            sleep(0)

    return lambda: weft.joinall([weft.spawn(give_way), weft.spawn(give_way)])


def spawning(count: int) -> Run:
    return lambda: weft.joinall([weft.spawn(nothing) for _ in range(count)])


def alive(count: int) -> Run:
    def run() -> None:
        event = weft.Event()

        def park() -> None:
            event.wait()

        tasks = [weft.spawn(park) for _ in range(count)]
        weft.sleep(0)
        event.set()
        weft.joinall(tasks)

    return run


def queue(count: int) -> Run:
    def run() -> None:
        there: weft.Queue[int] = weft.Queue()
        back: weft.Queue[int] = weft.Queue()

        def serve() -> None:
            for item in range(count // 2):
                there.put(item)
                back.get()

        def answer() -> None:
            for _ in range(count // 2):
                back.put(there.get())

        weft.joinall([weft.spawn(serve), weft.spawn(answer)])

    return run


def handover(count: int) -> Run:
    """Two tasks, each of which gives the other's permit and waits for its own."""

    def run() -> None:
        first, second = weft.Semaphore(0), weft.Semaphore(0)

        def serve(mine: weft.Semaphore, other: weft.Semaphore) -> None:
            for _ in range(count // 2):
                other.release()
                mine.acquire()

        weft.joinall([weft.spawn(serve, first, second), weft.spawn(serve, second, first)])

    return run


def wake(count: int) -> Run:
    def run() -> None:
        first, second = weft.Event(), weft.Event()
        first.set()

        def serve(mine: weft.Event, other: weft.Event) -> None:
            for _ in range(count // 2):
                mine.wait()
                mine.clear()
                other.set()

        weft.joinall([weft.spawn(serve, first, second), weft.spawn(serve, second, first)])

    return run


def timers(count: int) -> Run:
    def run() -> None:
        tasks = [weft.spawn_later(60 + number % 100, nothing) for number in range(count)]
        for task in tasks:
            task.cancel()

    return run


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
