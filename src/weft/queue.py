"""The cooperative twin of ``queue``: weft's own queues. Patching replaces ``SimpleQueue`` alone: the others wait with locks that park."""

from queue import Empty, Full

from weft._core.errors import ShutDown
from weft._core.queues import LifoQueue, PriorityQueue, Queue, SimpleQueue

__patches__ = {"queue": {"SimpleQueue": SimpleQueue}, "_queue": {"SimpleQueue": SimpleQueue}}
__all__ = ["Empty", "Full", "LifoQueue", "PriorityQueue", "Queue", "ShutDown", "SimpleQueue"]
