"""Threads' works: the standard library's own. 100,000 threads alive at once are more than a system gives."""

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

Run = Callable[[], object]


def nothing() -> None:
    pass


def both(first: Callable[[], None], second: Callable[[], None]) -> None:
    threads = [threading.Thread(target=target) for target in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def switching(count: int) -> Run:
    def give_way() -> None:
        for _ in range(count // 2):
            time.sleep(0)

    return lambda: both(give_way, give_way)


def spawning(count: int) -> Run:
    def run() -> None:
        for _ in range(count):
            thread = threading.Thread(target=nothing)
            thread.start()
            thread.join()

    return run


def queue(count: int) -> Run:
    def run() -> None:
        there: SimpleQueue[int] = SimpleQueue()
        back: SimpleQueue[int] = SimpleQueue()

        def serve() -> None:
            for item in range(count // 2):
                there.put(item)
                back.get()

        def answer() -> None:
            for _ in range(count // 2):
                back.put(there.get())

        both(serve, answer)

    return run


def handover(count: int) -> Run:
    def run() -> None:
        first, second = threading.Semaphore(0), threading.Semaphore(0)

        def serve(mine: threading.Semaphore, other: threading.Semaphore) -> None:
            for _ in range(count // 2):
                other.release()
                mine.acquire()

        both(lambda: serve(first, second), lambda: serve(second, first))

    return run
