"""Whether a block leaves tasks or descriptors behind."""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from weft._core.cancellation import CancelScope
from weft._core.current import sleep
from weft._core.schedulers import alive

__all__ = ["LeakError", "no_leaks"]

FOLDER = Path("/proc/self/fd") if Path("/proc/self/fd").is_dir() else Path("/dev/fd")
SETTLING = 10  # turns for those that are about to end


class LeakError(AssertionError):
    """Tasks or descriptors were left; the message lists them. ``tasks`` and ``descriptors`` (number: what it is) hold the same."""

    def __init__(self, tasks: list[object], descriptors: dict[int, str]) -> None:
        lines = [f"  {task!r} waits for {getattr(task, 'reason', None)!r}" for task in tasks]
        lines += [f"  descriptor {number}: {what}" for number, what in descriptors.items()]
        super().__init__("left behind:\n" + "\n".join(lines))
        self.tasks = tasks
        self.descriptors = descriptors


def descriptors() -> dict[int, str]:
    """The open descriptors, and what they are."""
    found = {}
    for name in os.listdir(FOLDER):
        try:
            found[int(name)] = os.readlink(FOLDER / name)
        except OSError:  # that of the listing itself
            continue
    return found


@contextmanager
def no_leaks() -> Iterator[None]:
    """Raise LeakError at the end of the block if a task that it began still lives, or a descriptor that it opened is still open.

    An exception of the block comes first. What weft itself keeps (its poller, its door) does not count.
    """
    sleep(0)  # the scheduler has its own descriptors by now
    tasks = set(alive())
    before = descriptors()
    yield
    with CancelScope(shield=True):
        for _ in range(SETTLING):
            if set(alive()) <= tasks:
                break
            sleep(0)
    gc.collect()
    left = [task for task in alive() if task not in tasks]
    opened = {number: what for number, what in descriptors().items() if before.get(number) != what}
    if left or opened:
        raise LeakError(list(left), opened)
