"""The operations, one file a subject.

An operation is a function of the world, a random generator of its own task, and the depth of
nested groups. It raises ``Finding`` if an invariant does not hold. ``needs`` names the switches
that it is for. Its name is that of its file and its own: ``queues.put``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..settings import Settings
    from ..world import World

SUBJECTS = (
    "sync",
    "queues",
    "channels",
    "tasks",
    "groups",
    "iterators",
    "timeouts",
    "sockets",
    "pipes",
    "descriptors",
    "greenlets",
    "threads",
    "forks",
    "signals",
    "limits",
    "broken",
    "reports",
)

Function = Callable[["World", Random, int], None]


@dataclass(frozen=True)
class Operation:
    """One operation, and how often it is chosen."""

    name: str
    run: Function
    weight: float
    needs: tuple[str, ...]

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return (self.run.__doc__ or "").strip().splitlines()[0]


_found: list[Operation] = []


def operation(weight: float = 1, *needs: str) -> Callable[[Function], Function]:
    """Make the function an operation; `weight` is relative to the others."""

    def add(run: Function) -> Function:
        subject = run.__module__.rpartition(".")[2]
        _found.append(Operation(f"{subject}.{run.__name__}", run, weight, needs))
        return run

    return add


def catalogue() -> list[Operation]:
    """Return every operation there is."""
    for subject in SUBJECTS:
        import_module(f"{__name__}.{subject}")
    return list(_found)


def select(settings: "Settings") -> list[Operation]:
    """Return the operations that `settings` ask for."""
    entries = catalogue()
    known = {name for entry in entries for name in (entry.name, entry.name.partition(".")[0])}
    unknown = {*settings.only, *settings.without} - known
    if unknown:
        raise SystemExit(f"there is no operation {sorted(unknown)[0]!r}; --list names them all")

    def named(entry: Operation, chosen: tuple[str, ...]) -> bool:
        return entry.name in chosen or entry.name.partition(".")[0] in chosen

    return [
        entry
        for entry in entries
        if all(getattr(settings, need) for need in entry.needs)
        and (not settings.only or named(entry, settings.only))
        and not named(entry, settings.without)
    ]
