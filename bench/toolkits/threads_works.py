"""Threads' works: the standard library's own. 100,000 threads alive at once are more than a system gives."""

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

from bench.toolkits.plain import Plain, Run, nothing


def spawn(fn: Callable[..., object], *args: object) -> threading.Thread:
    thread = threading.Thread(target=fn, args=args)
    thread.start()
    return thread


def joinall(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join()


plain = Plain(spawn, joinall, time.sleep, SimpleQueue, threading.Semaphore, threading.Event)
switching, queue, handover = plain.switching, plain.queue, plain.handover


def spawning(count: int) -> Run:
    """One after the other."""

    def run() -> None:
        for _ in range(count):
            spawn(nothing).join()

    return run
