"""Replace the real locks that were made before patching by cooperative ones.

Tasks cannot use a real lock: a plain one blocks the whole thread, and an RLock takes all tasks of a thread for one owner.

Rules:
- All or nothing: a lock is replaced in every place that refers to it, or in none. Two locks in the place of one would exclude nobody.
  The reference count tells whether all places are known; a frame, a tuple or an object written in C is no place.
- A lock that is held goes on being held. A real RLock that another OS thread owns stays.
- What stays, and has a name, is reported.
- The places are module globals, class attributes, attributes and slots of instances, items of dictionaries and lists, and closures; a
  bound method of a lock in such a place is replaced, too.
- The collector finds the objects. Each of its passes reads the whole heap, so all locks share five passes.
"""

import gc
import operator
import queue
import re
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

from weft import native
from weft._core.foreignlocks import REAL_LOCK, REAL_RLOCK
from weft._core.queues import SimpleQueue
from weft._core.sync import Lock, RLock

__all__ = ["heal"]

OURS = ("weft", "greenlet", "_frozen_importlib", "importlib")  # their real locks are meant to be real
REAL: dict[type, Any] = {REAL_LOCK: Lock, REAL_RLOCK: RLock, native.SimpleQueue: SimpleQueue}
STATE = re.compile(r"owner=(\d+) count=(\d+)")  # in the repr of a real RLock: it has no method that tells


class Place(NamedTuple):
    """One reference to an object that can be replaced."""

    owner: Any  # the module, class or instance that has it as an attribute; None for an item of a container
    name: str  # of the attribute; empty for an item
    put: Callable[[Any], object]  # puts another object there

    def __str__(self) -> str:
        if isinstance(self.owner, types.ModuleType):
            return f"{self.owner.__name__}.{self.name}"
        kind = self.owner if isinstance(self.owner, type) else type(self.owner)
        shown = f"{kind.__module__}.{kind.__qualname__}"
        return f"{shown if kind is self.owner else f'<{shown}>'}.{self.name}"


def references(thing: Any) -> int:
    """Return the reference count of `thing`, with what the caller's variable and the calls add."""
    return sys.getrefcount(thing)


def references_of_a_variable() -> int:
    """Return what ``references`` says of an object in one variable alone: versions of Python differ."""
    thing = object()
    return references(thing)


ALONE = references_of_a_variable()


def heal(skip: set[int]) -> list[str]:
    """Replace the real locks and simple queues of the process, but those whose identities are in `skip`.

    Returns the names of those that stay.
    """
    real = [thing for thing in gc.get_objects() if type(thing) in REAL and id(thing) not in skip]
    counts = {id(thing): references(thing) - ALONE - 1 for thing in real}  # `real` has it, too
    holders = holders_of(real)
    methods = [holder for holder in holders if isinstance(holder, types.BuiltinMethodType) and type(holder.__self__) in REAL]
    counts |= {id(method): references(method) - ALONE - 2 for method in methods}  # `holders` and `methods`
    lists = [real, holders, methods]
    places = places_of(real, holders, lists)
    if methods:
        places |= places_of(methods, holders_of(methods), lists)
    stay: set[str] = set()
    for thing in real:
        own = places.get(id(thing), [])
        bound = [method for method in methods if method.__self__ is thing]
        parts: list[tuple[Place, str | None]] = [(place, None) for place in own]
        parts += [(place, method.__name__) for method in bound for place in places.get(id(method), [])]
        if any(ours(place.owner) for place, _ in parts):
            continue
        complete = counts[id(thing)] == len(own) + len(bound) and all(counts[id(each)] == len(places.get(id(each), [])) for each in bound)
        made = replacement(thing) if complete else None
        if made is None:
            stay |= {str(place) for place in own if place.owner is not None}
            continue
        for place, method in parts:
            place.put(made if method is None else getattr(made, method))
    return sorted(stay)


def holders_of(things: list[Any]) -> list[Any]:
    """Return the objects that refer to `things`, but for tuples: no place is in one, and the call itself makes some."""
    return [holder for holder in gc.get_referrers(*things) if type(holder) is not tuple] if things else []


def places_of(things: list[Any], holders: list[Any], ignored: list[Any]) -> dict[int, list[Place]]:
    """Return where each of `things` lies, by its identity; `holders` refer to them."""
    wanted = {id(thing) for thing in things}
    ignored = [*ignored, holders]
    kept = [holder for holder in holders if not any(holder is each for each in ignored)]
    owners = owners_of([holder for holder in kept if type(holder) is dict])
    places: dict[int, list[Place]] = {}
    for holder in kept:
        for identity, place in places_in(holder, owners):
            if identity in wanted:
                places.setdefault(identity, []).append(place)
    return places


def owners_of(dictionaries: list[dict[Any, Any]]) -> dict[int, Any]:
    """Return the modules, classes and instances whose attributes the dictionaries are, by the dictionaries' identities."""
    owners: dict[int, Any] = {}
    for holder in holders_of(dictionaries):
        known = vars(holder) if isinstance(holder, types.ModuleType) else attributes_of_class(holder)
        owners[id(attributes_of(holder) if known is None else known)] = holder
    return owners


def attributes_of_class(holder: Any) -> Any:
    """Return the dictionary under the attributes of a class; None if `holder` is none."""
    if not isinstance(holder, type):
        return None
    return next(iter(gc.get_referents(type.__dict__["__dict__"].__get__(holder))), None)


def attributes_of(holder: Any) -> Any:
    """Return the dictionary of an instance's attributes, None if it has none; no code of its class runs."""
    for kind in type.mro(type(holder)):
        if isinstance(member := vars(kind).get("__dict__"), types.GetSetDescriptorType):
            return member.__get__(holder)
    return None


def places_in(holder: Any, owners: dict[int, Any]) -> Iterator[tuple[int, Place]]:
    """Yield the places of `holder` that can be set, each with the identity of what is in it."""
    if type(holder) is dict:
        owner = owners.get(id(holder))
        if isinstance(owner, type):
            for name, value in list(holder.items()):
                yield id(value), Place(owner, name, partial(type.__setattr__, owner, name))
        else:
            yield from items(owner, holder, holder.items())
    elif type(holder) is list:
        yield from items(None, holder, enumerate(holder))
    elif isinstance(holder, types.CellType):
        yield id(holder.cell_contents), Place(None, "", partial(setattr, holder, "cell_contents"))
    else:
        yield from places_in_instance(holder)


def items(owner: Any, holder: Any, pairs: Iterable[tuple[Any, Any]]) -> Iterator[tuple[int, Place]]:
    """Yield the items of a container."""
    for key, value in list(pairs):
        yield id(value), Place(owner, str(key) if owner is not None else "", partial(operator.setitem, holder, key))


def places_in_instance(holder: Any) -> Iterator[tuple[int, Place]]:
    """Yield the attributes and slots of an instance."""
    attributes = attributes_of(holder)
    if type(attributes) is dict:
        yield from items(holder, attributes, attributes.items())
    for kind in type.mro(type(holder)):
        for name, member in list(vars(kind).items()):
            if isinstance(member, types.MemberDescriptorType):
                try:
                    yield id(member.__get__(holder)), Place(holder, name, partial(member.__set__, holder))
                except (AttributeError, TypeError):  # it is empty, or not this object's
                    continue


def ours(owner: Any) -> bool:
    """Return whether a module, class or instance belongs to the interpreter's imports or to weft."""
    if isinstance(owner, types.ModuleType):
        module = owner.__name__
    else:
        module = owner.__module__ if isinstance(owner, type) else type(owner).__module__
    return isinstance(module, str) and module.partition(".")[0] in OURS


def replacement(real: Any) -> Any:
    """Return a cooperative object in the state of `real`; None if there can be none."""
    made = REAL[type(real)]()
    if type(real) is REAL_LOCK:
        if real.locked():
            made.acquire()
    elif type(real) is REAL_RLOCK:
        state = STATE.search(repr(real))
        owner, count = map(int, state.groups()) if state is not None else (0, -1)
        if count < 0 or (count and owner != native.get_ident()):
            return None
        if count:
            made._acquire_restore(count)
    else:
        try:
            while True:
                made.put(real.get_nowait())
        except queue.Empty:
            pass
    return made
