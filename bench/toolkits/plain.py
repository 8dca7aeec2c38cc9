"""The works of what looks like threads: the same plain lines for each of them, with its own pieces."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Run = Callable[[], object]


def nothing() -> None:
    pass


@dataclass(frozen=True)
class Plain:
    """One of them: what starts a task, what waits for a list of them, and the rest; each work is a method, ``work(count)``."""

    spawn: Callable[..., Any]
    joinall: Callable[[list[Any]], object]
    sleep: Callable[[float], object]
    queue_type: Callable[[], Any]
    semaphore_type: Callable[[int], Any]
    event_type: Callable[[], Any]

    def both(self, serve: Callable[[Any, Any], None], first: Any, second: Any) -> None:
        """Two tasks that run `serve`, each with what is the other's in the other place."""
        self.joinall([self.spawn(serve, first, second), self.spawn(serve, second, first)])

    def switching(self, count: int) -> Run:
        def give_way() -> None:
            sleep = self.sleep
            for _ in range(count // 2):
                sleep(0)

        return lambda: self.joinall([self.spawn(give_way), self.spawn(give_way)])

    def spawning(self, count: int) -> Run:
        spawn = self.spawn
        return lambda: self.joinall([spawn(nothing) for _ in range(count)])

    def alive(self, count: int) -> Run:
        def run() -> None:
            spawn, event = self.spawn, self.event_type()

            def park() -> None:
                event.wait()

            tasks = [spawn(park) for _ in range(count)]
            self.sleep(0)
            event.set()
            self.joinall(tasks)

        return run

    def queue(self, count: int) -> Run:
        def run() -> None:
            there, back = self.queue_type(), self.queue_type()

            def serve() -> None:
                for item in range(count // 2):
                    there.put(item)
                    back.get()

            def answer() -> None:
                for _ in range(count // 2):
                    back.put(there.get())

            self.joinall([self.spawn(serve), self.spawn(answer)])

        return run

    def handover(self, count: int) -> Run:
        """Each gives the other's permit and waits for its own."""

        def serve(mine: Any, other: Any) -> None:
            for _ in range(count // 2):
                other.release()
                mine.acquire()

        return lambda: self.both(serve, self.semaphore_type(0), self.semaphore_type(0))

    def wake(self, count: int) -> Run:
        def serve(mine: Any, other: Any) -> None:
            for _ in range(count // 2):
                mine.wait()
                mine.clear()
                other.set()

        def run() -> None:
            first, second = self.event_type(), self.event_type()
            first.set()
            self.both(serve, first, second)

        return run

    def contend(self, make: Callable[[], Any], tasks: int, count: int) -> Run:
        """`tasks` tasks that take turns at one lock, each holding it over a yield."""
        sleep, lock = self.sleep, make()

        def work() -> None:
            for _ in range(count // tasks):
                with lock:
                    sleep(0)

        return lambda: self.joinall([self.spawn(work) for _ in range(tasks)])
