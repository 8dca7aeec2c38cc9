"""gevent's toolkit."""

from typing import Any

import gevent
import gevent.event
import gevent.lock
import gevent.pool
import gevent.queue

from bench.toolkits.plain import Plain, Run, nothing


def nap(item: Any = None) -> Any:
    gevent.sleep(0)
    return item


plain = Plain(gevent.spawn, gevent.joinall, gevent.sleep, gevent.queue.Queue, gevent.lock.Semaphore, gevent.event.Event)
switching, spawning, alive, queue, handover, wake = plain.switching, plain.spawning, plain.alive, plain.queue, plain.handover, plain.wake


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


def lock(count: int) -> Run:
    return plain.contend(lambda: gevent.lock.Semaphore(1), 2, count)


def semaphore(count: int) -> Run:
    return plain.contend(lambda: gevent.lock.Semaphore(3), 10, count)


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
