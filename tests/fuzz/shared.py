"""The objects that all tasks of a run share."""

import weft


class Shared:
    """Channels, queues and locks of every kind, few enough to be contended."""

    def __init__(self) -> None:
        self.channels = [weft.Channel[int](0), weft.Channel[int](1), weft.Channel[int](7)]
        self.simple: weft.SimpleQueue[int | None] = weft.SimpleQueue()
        self.queues = [weft.Queue[int](), weft.Queue[int](2), weft.PriorityQueue[int](3), weft.LifoQueue[int](1)]
        self.sources = [*self.channels, *self.queues, self.simple]
        self.lock = weft.Lock()
        self.rlock = weft.RLock()
        self.semaphore = weft.Semaphore(3)
        self.condition = weft.Condition()
        self.rwlock = weft.RWLock()
        self.limiter = weft.CapacityLimiter(4)
        self.event = weft.Event()
        self.local = weft.local()

    def verify(self) -> list[str]:
        """Return what is still held although nobody is left."""
        held = {
            "lock": self.lock.locked(),
            "rlock": self.rlock.locked(),
            "condition": not self.condition.acquire(False) or self.condition.release(),
            "readers": self.rwlock.readers,
            "writer": self.rwlock.writer,
            "borrowers": self.limiter.borrowers,
        }
        permits = 0
        while self.semaphore.acquire(False):
            permits += 1
        held["permits"] = permits != 3 and permits
        return [f"{name} {value}" for name, value in held.items() if value]
