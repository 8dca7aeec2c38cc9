"""The cooperative twin of ``queue``: ``SimpleQueue`` is weft's own; the others are the standard ones, over locks that park."""

from queue import Empty, Full, LifoQueue, PriorityQueue

from weft._core.queues import Queue, SimpleQueue

__patches__ = {"queue": {"SimpleQueue": SimpleQueue}, "_queue": {"SimpleQueue": SimpleQueue}}
__all__ = ["Empty", "Full", "LifoQueue", "PriorityQueue", "Queue", "SimpleQueue"]
