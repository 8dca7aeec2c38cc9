"""eventlet's works."""

from collections.abc import Callable

import eventlet
import eventlet.event
import eventlet.queue
import eventlet.semaphore

Run = Callable[[], object]


def joinall(tasks: list[eventlet.greenthread.GreenThread]) -> None:
    for task in tasks:
        task.wait()


def nothing() -> None:
    pass


def switching(count: int) -> Run:
    def give_way() -> None:
        sleep = eventlet.sleep
        for _ in range(count // 2):
            sleep(0)

    return lambda: joinall([eventlet.spawn(give_way), eventlet.spawn(give_way)])


def spawning(count: int) -> Run:
    return lambda: joinall([eventlet.spawn(nothing) for _ in range(count)])


def alive(count: int) -> Run:
    def run() -> None:
        event = eventlet.event.Event()

        def park() -> None:
            event.wait()

        tasks = [eventlet.spawn(park) for _ in range(count)]
        eventlet.sleep(0)
        event.send()
        joinall(tasks)

    return run


def queue(count: int) -> Run:
    def run() -> None:
        there = eventlet.queue.Queue()
        back = eventlet.queue.Queue()

        def serve() -> None:
            for item in range(count // 2):
                there.put(item)
                back.get()

        def answer() -> None:
            for _ in range(count // 2):
                back.put(there.get())

        joinall([eventlet.spawn(serve), eventlet.spawn(answer)])

    return run


def handover(count: int) -> Run:
    """Two tasks, each of which gives the other's permit and waits for its own."""

    def run() -> None:
        first, second = eventlet.semaphore.Semaphore(0), eventlet.semaphore.Semaphore(0)

        def serve(mine: eventlet.semaphore.Semaphore, other: eventlet.semaphore.Semaphore) -> None:
            for _ in range(count // 2):
                other.release()
                mine.acquire()

        joinall([eventlet.spawn(serve, first, second), eventlet.spawn(serve, second, first)])

    return run


def timers(count: int) -> Run:
    def run() -> None:
        timers = [eventlet.spawn_after(60 + number % 100, nothing) for number in range(count)]
        for timer in timers:
            timer.cancel()

    return run
