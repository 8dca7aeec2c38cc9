"""The public names are a promise: a change of this list is a change for every user, and needs a line in the changelog."""

from collections.abc import Callable
from typing import Any

import pytest

import weft

PUBLIC = [
    "Barrier",
    "BoundedSemaphore",
    "CancelScope",
    "Cancelled",
    "CapacityLimiter",
    "Channel",
    "ChannelClosed",
    "Condition",
    "Coroutine",
    "DeadlockError",
    "Event",
    "Executor",
    "LatePatchWarning",
    "LazyList",
    "LifoQueue",
    "Lock",
    "Pipeline",
    "Pool",
    "PriorityQueue",
    "Queue",
    "RLock",
    "RWLock",
    "Semaphore",
    "ShutDown",
    "SimpleQueue",
    "Task",
    "TaskGroup",
    "TaskLocal",
    "WeftError",
    "WouldBlock",
    "after",
    "as_completed",
    "batch",
    "broadcast",
    "coroutine",
    "current_task",
    "emit",
    "first",
    "first_n",
    "gather",
    "iterator",
    "joinall",
    "local",
    "move_on_after",
    "offload",
    "offloaded",
    "readable",
    "select",
    "sending",
    "sink",
    "sleep",
    "spawn",
    "spawn_later",
    "stage",
    "timeout",
    "wait",
    "wait_readable",
    "wait_writable",
    "writable",
]


def test_the_public_names_are_pinned() -> None:
    assert sorted(weft.__all__) == sorted(PUBLIC)


def test_every_public_name_is_documented() -> None:
    undocumented = [name for name in PUBLIC if not getattr(weft, name).__doc__]
    assert undocumented == []


def test_nothing_else_lies_about_in_the_face() -> None:
    assert callable(weft.map)  # what is imported when it is first asked for
    assert callable(weft.open)
    loose = {name for name, value in vars(weft).items() if not name.startswith("_") and not hasattr(value, "__path__")}
    modules = {name for name in loose if getattr(vars(weft)[name], "__spec__", None) is not None}
    assert loose - modules - set(PUBLIC) == {"map", "open"}  # not for `import *`: they would hide the built-in ones


@pytest.mark.parametrize("name", ["select", "Pool", "iterator", "Executor", "map", "stage"])
def test_a_task_never_sees_a_module_that_another_has_imported_by_half(run_python: Callable[..., Any], name: str) -> None:
    done = run_python(
        """
import importlib.abc, sys, weft
name = sys.argv[1]
module = next((m for m, names in weft._LATER.items() if name in names), "weft." + name)
class Slow(importlib.abc.MetaPathFinder):  # a finalizer or a signal handler that waits in the middle
    def find_spec(self, found, path, target=None):
        if found == module or module in sys.modules:
            weft.sleep(0.01)
sys.meta_path.insert(0, Slow())
print(*(callable(task.result(5)) for task in [weft.spawn(getattr, weft, name) for _ in range(3)]))
""",
        name,
    )
    assert done.stdout == "True True True\n"
