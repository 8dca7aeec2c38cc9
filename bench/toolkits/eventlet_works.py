"""eventlet's works. Its event is of another kind: it is set once, and by ``send``."""

import eventlet
import eventlet.event
import eventlet.queue
import eventlet.semaphore

from bench.toolkits.plain import Plain, Run, nothing


def joinall(tasks: list[eventlet.greenthread.GreenThread]) -> None:
    for task in tasks:
        task.wait()


class Event(eventlet.event.Event):  # type: ignore[misc]
    set = eventlet.event.Event.send


plain = Plain(eventlet.spawn, joinall, eventlet.sleep, eventlet.queue.Queue, eventlet.semaphore.Semaphore, Event)
switching, spawning, alive, queue, handover = plain.switching, plain.spawning, plain.alive, plain.queue, plain.handover


def timers(count: int) -> Run:
    def run() -> None:
        timers = [eventlet.spawn_after(60 + number % 100, nothing) for number in range(count)]
        for timer in timers:
            timer.cancel()

    return run
