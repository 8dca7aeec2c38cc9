"""What the works of ``bench/toolkits`` take: microseconds an operation, on one processor. Each peer does the same in a module of its own.

``work(count)`` of a module returns a function that does the work once; what a peer lacks is left out. Everything here runs in one process.
"""

import importlib
import subprocess
from collections.abc import Callable

from bench import programs
from bench.work import Figure, Row, Work, best, pin, scale

MICROSECONDS = "µs"
COUNTS = {
    "switching": 200_000,
    "spawning": 100_000,
    "alive": 100_000,
    "queue": 100_000,
    "handover": 100_000,
    "wake": 100_000,
    "timers": 1_000_000,
    "lock": 50_000,
    "semaphore": 50_000,
    "channel": 50_000,
    "select": 20_000,
    "group": 10_000,
    "timeout": 100_000,
    "map": 100_000,
    "pipeline": 20_000,
}
NAMES = tuple(COUNTS)
ONCE = {"alive", "timers"}  # in a fresh process: what a first run leaves behind helps a second
TOOLKIT = {"gevent": 1.0, "asyncio": 1.0, "trio": 1.0}
ROWS = (
    Row("yield between two tasks", (Figure(MICROSECONDS, {"gevent": 6, "uvloop": 3, "greenlet": 1 / 1.3}),)),
    Row("spawn and join 100,000 tasks", (Figure(MICROSECONDS, {"gevent": 60, "asyncio": 15, "go": 1}),)),
    Row("spawn, park and finish 100,000 tasks, all alive at once", (Figure(MICROSECONDS, {"gevent": 2, "greenlet": 1}),)),
    Row("pass an item through a queue", (Figure(MICROSECONDS, {"gevent": 7, "asyncio": 4}),)),
    Row("hand a lock over", (Figure(MICROSECONDS, {"gevent": 7, "asyncio": 4}),)),
    Row("wake by an event", (Figure(MICROSECONDS, {"gevent": 7, "asyncio": 4}),)),
    Row("set and cancel 1,000,000 timers", (Figure(MICROSECONDS, {"asyncio": 5}),), ("eventlet",)),
    Row("hold a lock over a yield, 2 tasks", (Figure(MICROSECONDS, TOOLKIT),)),
    Row("hold a permit over a yield, 10 tasks, 3 permits", (Figure(MICROSECONDS, TOOLKIT),)),
    Row("send through a channel, rendezvous", (Figure(MICROSECONDS, TOOLKIT),)),
    Row("receive by select over 2 channels", (Figure(MICROSECONDS, {"asyncio": 1}),)),
    Row("a task in a group of 10,000", (Figure(MICROSECONDS, TOOLKIT),)),
    Row("enter and leave a timeout", (Figure(MICROSECONDS, TOOLKIT),)),
    Row("map over 100,000, 100 at once, an item", (Figure(MICROSECONDS, TOOLKIT),)),
    Row("a pipeline of 3 stages, an item", (Figure(MICROSECONDS, TOOLKIT),)),
)


def peer(name: str) -> Callable[[int], float]:
    """The peer whose works are the functions of ``bench.toolkits.<name>_works``."""

    def measure(row: int) -> float:
        module = importlib.import_module(f"bench.toolkits.{name}_works")
        work = getattr(module, NAMES[row], None)
        if work is None:
            return float("nan")
        count = scale(COUNTS[NAMES[row]])
        return best(work(count), count, 1 if NAMES[row] in ONCE else 3)

    return measure


def program(name: str) -> Callable[[int], float]:
    """A program that takes a work's name and a count, and prints microseconds an operation: held to one processor."""

    def measure(row: int) -> float:
        words = [str(word) for word in programs.COMMANDS[name]()]
        pin(0)
        done = subprocess.run([*words, NAMES[row], str(scale(COUNTS[NAMES[row]]))], capture_output=True, text=True, check=True)
        return float(done.stdout)

    return measure


WORK = Work(
    "tasks",
    {name: peer(name) for name in ("weft", "gevent", "eventlet", "asyncio", "uvloop", "trio", "threads", "greenlet")}
    | {name: program(name) for name in programs.COMMANDS},
    ROWS,
    quick=(0, 1, 3),
    few=("weft", "gevent", "asyncio", "uvloop", "greenlet", "go"),
)

if __name__ == "__main__":
    WORK.main()
