"""Raw greenlets: the limit for what switches stacks."""

from collections.abc import Callable
from typing import Any

from greenlet import getcurrent, greenlet

Run = Callable[[], object]


def switching(count: int) -> Run:
    def give_way(other: Any) -> None:
        for _ in range(count // 2):
            other.switch()

    def run() -> None:
        first, second = greenlet(lambda: give_way(second)), greenlet(lambda: give_way(first))
        first.switch()

    return run


def alive(count: int) -> Run:
    def run() -> None:
        main = getcurrent()

        def park() -> None:
            main.switch()

        stacks = [greenlet(park) for _ in range(count)]
        for _ in range(2):
            for stack in stacks:
                stack.switch()

    return run
