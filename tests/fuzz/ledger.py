"""The accounts of a run, and the checks that read them."""

import os
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count


class Finding(AssertionError):
    """An invariant that does not hold."""


def check(holds: object, *facts: object) -> None:
    """Raise a Finding with the facts unless the invariant holds."""
    if not holds:
        raise Finding(*facts)


class Items:
    """Items that are handed over: each is received once if it was sent, and never otherwise.

    A receiver may be noted before its sender. So an item's balance is 0 again at the end, and may
    be 1 or -1 in between. OS threads and signal handlers interrupt a count, so notes are
    appended to ``moves``, which is atomic, and counted at the end.
    """

    def __init__(self) -> None:
        self.moves: deque[tuple[int, int]] = deque()
        self.balance: dict[int, int] = {}
        self.numbers = count(1)
        self.total = 0

    def make(self) -> int:
        """Return a new item."""
        return next(self.numbers)

    def count(self) -> None:
        """Take what was noted into the balance."""
        while self.moves:
            item, step = self.moves.popleft()
            left = self.balance.get(item, 0) + step
            if left:
                self.balance[item] = left
            else:
                self.balance.pop(item, None)

    def sent(self, item: int) -> None:
        """Note that `item` was accepted."""
        self.total += 1
        self.moves.append((item, 1))

    def received(self, item: object) -> None:
        """Note that `item` came out. Finalizers send None, which is not counted."""
        if item is not None:
            check(isinstance(item, int), "received what was never sent", item)
            assert isinstance(item, int)
            self.moves.append((item, -1))

    def verify(self) -> None:
        """Check the balance, after everything was taken out."""
        self.count()
        lost = sorted(item for item, left in self.balance.items() if left > 0)
        extra = sorted(item for item, left in self.balance.items() if left < 0)
        check(not lost, "items that were sent and never came out", len(lost), lost[:5])
        check(not extra, "items that came out twice, or after a refusal", len(extra), extra[:5])


class Inside:
    """Counts who is inside what, for mutual exclusion."""

    def __init__(self) -> None:
        # One entry for each who is inside. To append and to pop are single steps, also where a
        # finalizer lets others run between two steps of Python: a sum would lose some.
        self.within: defaultdict[object, list[None]] = defaultdict(list)

    @contextmanager
    def entered(self, place: object, most: int) -> Iterator[None]:
        """Count the block as inside `place`, where at most `most` may be at once."""
        within = self.within[place]
        within.append(None)
        try:
            check(len(within) <= most, "too many inside", place, len(within))
            yield
        finally:
            within.pop()

    def verify(self) -> None:
        """Check that everybody has left."""
        left = {place: len(within) for place, within in self.within.items() if within}
        check(not left, "somebody is still inside", left)


def descriptors() -> dict[int, str]:
    """Return the process's open descriptors, and what each is."""
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            pass
    return found


def threads() -> int:
    """Return how many OS threads the process has."""
    return len(os.listdir("/proc/self/task"))
