"""Make objects of every extension class as nobody should, and call whatever they have: nothing may crash the process.

    python handmade.py LIST              # prints the classes, one a line
    python handmade.py MODULE:NAME ...   # tries these; prints each before it begins, so the last line names the culprit

Each call runs in a task of its own with a deadline, since waiting for ever is allowed to what can be cancelled.
"""

import copy
import gc
import importlib
import pickle
import pkgutil
import sys
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import weft
import weft.testing

TURNS = 3  # a call that has not returned by then waits, and is cancelled
SPECIAL = (repr, str, hash, len, iter, next, bool, copy.copy, copy.deepcopy, pickle.dumps, weakref.ref, dir, int, float, abs)
SPECIAL += (bytes, memoryview, sorted, tuple)
DUNDERS = ("__enter__", "__exit__", "__call__", "__getitem__", "__setitem__", "__delitem__", "__contains__", "__eq__", "__lt__", "__init__")


class Odd:
    """An argument of no use."""


def values(made: object) -> list[Any]:
    return [None, 0, 1, -1, 2**70, -(2**70), 1.5, float("nan"), "text", b"bytes", Odd(), (), [None], made, type(made), len]


def modules() -> Iterator[Any]:
    """Every module of the package that can be imported."""
    for found in pkgutil.walk_packages(weft.__path__, "weft."):
        if found.name.rpartition(".")[2] != "__main__" and not found.name.startswith(("weft.cli", "weft.demo")):
            try:
                yield importlib.import_module(found.name)
            except ImportError:  # an extra that is not installed
                continue


def classes() -> list[type]:
    """Every class that an extension module of weft's defines, those too that no name leads to."""
    list(modules())
    compiled = {
        name for name, module in sys.modules.items() if name.startswith("weft.") and str(getattr(module, "__file__", "")).endswith(".so")
    }
    found: set[type] = set()
    pending: list[type] = [each for each in gc.get_objects() if isinstance(each, type)] + [object]
    while pending:
        kind = pending.pop()
        if kind in found:
            continue
        found.add(kind)
        pending += [each for each in type.__subclasses__(kind) if isinstance(each, type)]
    heap = 1 << 9
    ours = [kind for kind in found if kind.__module__ in compiled or (kind.__module__ == "weft" and not kind.__flags__ & heap)]
    return sorted(ours, key=lambda kind: (kind.__module__, kind.__qualname__))


def attempt(call: Callable[[], object]) -> None:
    """Run `call` in a task, for a few turns."""

    def run() -> None:
        try:
            call()
        except (Exception, SystemExit, KeyboardInterrupt):
            pass

    task = weft.spawn(run)
    for _ in range(TURNS):
        weft.sleep(0)
        if task.done():
            return
    task.cancel()
    try:
        task.join(5)
    except weft.DeadlockError:
        pass


def makers(kind: type) -> list[Callable[[], object]]:
    """The ways to make one."""
    ways: list[Callable[[], object]] = [lambda: kind.__new__(kind), kind, lambda: kind(1), lambda: kind(None), lambda: object.__new__(kind)]
    try:
        heir = type("Heir", (kind,), {"__init__": lambda self, *args: None})
    except TypeError:  # it cannot be extended
        return ways
    return [*ways, heir]


def use(made: Any, kind: type) -> None:
    """Call and read whatever `made` has."""
    for special in SPECIAL:
        attempt(lambda special=special: special(made))
    for name in sorted({*dir(kind), *DUNDERS}):
        if name.startswith("_") and name not in DUNDERS:
            continue
        attempt(lambda name=name: getattr(made, name))
        for value in values(made):
            attempt(lambda name=name, value=value: setattr(made, name, value) if name not in DUNDERS else None)
        attempt(lambda name=name: delattr(made, name) if name not in DUNDERS else None)
        try:
            method = getattr(made, name)
        except Exception:
            continue
        if not callable(method):
            continue
        attempt(method)
        for value in values(made):
            attempt(lambda method=method, value=value: method(value))
            attempt(lambda method=method, value=value: method(value, value))
            attempt(lambda method=method, value=value: method(None, value, value))
    for other in values(made):
        attempt(lambda other=other: weft.select(made, timeout=0))
        attempt(lambda other=other: weft.select(weft.sending(made, other), timeout=0))
        attempt(lambda other=other: weft.joinall([made], timeout=0))
        attempt(lambda other=other: weft.wait([made], timeout=0))
        attempt(lambda other=other: made == other)


def main(names: list[str]) -> None:
    if names == ["LIST"]:
        print(*(f"{kind.__module__}:{kind.__qualname__}" for kind in classes()), sep="\n")
        return
    known = {f"{kind.__module__}:{kind.__qualname__}": kind for kind in classes()}
    for name in names:
        print(name, flush=True)
        kind = known[name]
        for make in makers(kind):
            try:
                made = make()
            except Exception:
                continue
            use(made, kind)
            del made
        gc.collect()
    print("done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
