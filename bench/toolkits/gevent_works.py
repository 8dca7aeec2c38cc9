"""gevent's toolkit."""

from collections.abc import Callable
from typing import Any

import gevent
import gevent.event
import gevent.lock
import gevent.pool
import gevent.queue

Run = Callable[[], object]


def nap(item: Any = None) -> Any:
    gevent.sleep(0)
    return item


def nothing() -> None:
    pass


def switching(count: int) -> Run:
    def give_way() -> None:
        sleep = gevent.sleep
        for _ in range(count // 2):
            sleep(0)

    return lambda: gevent.joinall([gevent.spawn(give_way), gevent.spawn(give_way)])


def spawning(count: int) -> Run:
    return lambda: gevent.joinall([gevent.spawn(nothing) for _ in range(count)])


def alive(count: int) -> Run:
    def run() -> None:
        event = gevent.event.Event()

        def park() -> None:
            event.wait()

        tasks = [gevent.spawn(park) for _ in range(count)]
        gevent.sleep(0)
        event.set()
        gevent.joinall(tasks)

    return run


def queue(count: int) -> Run:
    def run() -> None:
        there = gevent.queue.Queue()
        back = gevent.queue.Queue()

        def serve() -> None:
            for item in range(count // 2):
                there.put(item)
                back.get()

        def answer() -> None:
            for _ in range(count // 2):
                back.put(there.get())

        gevent.joinall([gevent.spawn(serve), gevent.spawn(answer)])

    return run


def handover(count: int) -> Run:
    """Two tasks, each of which gives the other's permit and waits for its own."""

    def run() -> None:
        first, second = gevent.lock.Semaphore(0), gevent.lock.Semaphore(0)

        def serve(mine: gevent.lock.Semaphore, other: gevent.lock.Semaphore) -> None:
            for _ in range(count // 2):
                other.release()
                mine.acquire()

        gevent.joinall([gevent.spawn(serve, first, second), gevent.spawn(serve, second, first)])

    return run


def wake(count: int) -> Run:
    def run() -> None:
        first, second = gevent.event.Event(), gevent.event.Event()
        first.set()

        def serve(mine: gevent.event.Event, other: gevent.event.Event) -> None:
            for _ in range(count // 2):
                mine.wait()
                mine.clear()
                other.set()

        gevent.joinall([gevent.spawn(serve, first, second), gevent.spawn(serve, second, first)])

    return run


def timers(count: int) -> Run:
    def run() -> None:
        loop = gevent.get_hub().loop
        timers = [loop.timer(60 + number % 100) for number in range(count)]
        for timer in timers:
            timer.start(nothing)
        for timer in timers:
            timer.stop()
            timer.close()

    return run


def contend(make: Callable[[], Any], tasks: int, count: int) -> Run:
    def work() -> None:
        for _ in range(count // tasks):
            with lock:
                gevent.sleep(0)

    lock = make()
    return lambda: gevent.joinall([gevent.spawn(work) for _ in range(tasks)])


def lock(count: int) -> Run:
    return contend(lambda: gevent.lock.Semaphore(1), 2, count)


def semaphore(count: int) -> Run:
    return contend(lambda: gevent.lock.Semaphore(3), 10, count)


def channel(count: int) -> Run:
    def send(line: Any) -> None:
        for item in range(count):
            line.put(item)

    def run() -> None:
        line = gevent.queue.Channel()
        gevent.spawn(send, line)
        for _ in range(count):
            line.get()

    return run


def group(count: int) -> Run:
    def run() -> None:
        tasks = gevent.pool.Group()
        for _ in range(count):
            tasks.spawn(nap)
        tasks.join()

    return run


def timeout(count: int) -> Run:
    def run() -> None:
        for _ in range(count):
            with gevent.Timeout(60):
                pass

    return run


def map(count: int) -> Run:
    def run() -> None:
        for _ in gevent.pool.Pool(100).imap(nap, range(count)):
            pass

    return run


def pipeline(count: int) -> Run:
    def stage(source: Any, target: Any) -> None:
        def work() -> None:
            while (item := source.get()) is not None:
                nap(item)
                if target is not None:
                    target.put(item)

        gevent.joinall([gevent.spawn(work) for _ in range(4)])
        if target is not None:
            for _ in range(4):
                target.put(None)

    def run() -> None:
        lines = [gevent.queue.Queue(8) for _ in range(3)]
        stages = [gevent.spawn(stage, source, target) for source, target in zip(lines, [*lines[1:], None], strict=True)]
        for item in range(count):
            lines[0].put(item)
        for _ in range(4):
            lines[0].put(None)
        gevent.joinall(stages)

    return run
