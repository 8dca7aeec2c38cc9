"""Items from those who make them to one who takes as many at once as have come."""

from collections.abc import Iterator
from typing import Generic, TypeVar

import weft

__all__ = ["Batches"]

T = TypeVar("T")


class Batches(Generic[T]):
    """Lists of what was ``put``, for one task to iterate over until it is ``closed``. A queue would wake that task for each item."""

    def __init__(self, most: int) -> None:
        """`most`: items that wait; who puts one more waits, too."""
        self.most = most
        self.items: list[T] = []
        self.closed = False
        self.news, self.room = weft.Event(), weft.Event()

    def put(self, item: T) -> None:
        """Add one."""
        self.items.append(item)
        self.news.set()
        if len(self.items) >= self.most:
            self.room.clear()
            self.room.wait()

    def close(self) -> None:
        """There are no more."""
        self.closed = True
        self.news.set()

    def __iter__(self) -> Iterator[list[T]]:
        while not self.closed or self.items:
            self.news.wait()
            self.news.clear()
            batch, self.items = self.items, []
            self.room.set()
            if batch:
                yield batch
