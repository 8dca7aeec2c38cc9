"""Patch the standard library, so that programs which know nothing of weft park where they would block.

Each twin says in ``__patches__`` what it replaces: the module (or class) by its dotted name, the attribute, and the cooperative object.
No twin knows this module.

    from weft import monkey
    monkey.patch_all()          # first of all, before the program's own imports
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from weft._core.errors import LatePatchWarning
from weft._core.names import rename
from weft.healing import heal

__all__ = ["get_original", "is_patched", "patch_all", "patched", "unpatch_all"]

TWINS = {
    "time": "weft.time",
    "socket": "weft.socket",
    "dns": "weft.dns",
    "ssl": "weft.ssl",
    "select": "weft.select",
    "thread": "weft.threading",
    "queue": "weft.queue",
    "os": "weft.os",
    "signal": "weft.signal",
    "subprocess": "weft.subprocess",
    "stdin": "weft.stdin",
}
LATER = {
    "thread": {"gevent.monkey": "weft.gevent_refused", "eventlet.patcher": "weft.eventlet_refused"},
    "asyncio": {"asyncio.events": "weft.asyncio", "asyncio.base_events": "weft.asyncio_threads"},
    "multiprocessing": {"multiprocessing.synchronize": "weft.multiprocessing"},
    "psycopg": {"psycopg.waiting": "weft.psycopg"},
    "pyopenssl": {"OpenSSL.SSL": "weft.pyopenssl"},
    "uvloop": {"uvloop": "weft.uvloop"},
}  # patched when it is imported: it costs too much else, or may not be installed
PRELUDE = {"select": ("selectors",), "queue": ("queue",), "thread": ("concurrent.futures.thread",)}  # what must be there to be patched

importlib.import_module("weft.native")  # takes the originals before anything is patched
originals: dict[tuple[str, str], Any] = {}
applied: list[ModuleType] = []  # the twins
renamed: list[tuple[type, tuple[str, str]]] = []  # the twins' types that say what the standard ones say, and their own names
ABSENT = object()


def owner(dotted: str) -> Any:
    """The module, or the class in a module, of that name."""
    try:
        return importlib.import_module(dotted)
    except ModuleNotFoundError:
        module, _, name = dotted.rpartition(".")
        return getattr(importlib.import_module(module), name)


def original(target: Any, attribute: str) -> Any:
    """What stands there now; of a class its own, unbound, or ABSENT where it inherits."""
    if isinstance(target, type) and attribute != "__bases__":
        return vars(target).get(attribute, ABSENT)
    return getattr(target, attribute)


def patch_all(
    *,
    time: bool = True,
    socket: bool = True,
    dns: bool = True,
    ssl: bool = True,
    select: bool = True,
    thread: bool = True,
    queue: bool = True,
    os: bool = True,
    signal: bool = True,
    subprocess: bool = True,
    stdin: bool = True,
    asyncio: bool = True,
    multiprocessing: bool = True,
    psycopg: bool = True,
    pyopenssl: bool = True,
    uvloop: bool = True,
    native_executors: bool = False,
) -> None:
    """Replace what blocks in the standard library by what parks; each argument chooses a part. Twice is as good as once.

    `native_executors`: ``concurrent.futures.ThreadPoolExecutor`` has threads of the operating system, as asyncio's own executor always
    has, for calls of C that compute or block.

    Warns with LatePatchWarning if a module that is not of the standard library has taken an original already, or if a real lock cannot be
    replaced: call this first of all. RuntimeError if gevent or eventlet has patched this process.
    """
    chosen = locals()
    refuse_others()
    for part, names in PRELUDE.items():
        if chosen[part]:
            for name in names:
                importlib.import_module(name)
    found = [name for part, name in TWINS.items() if chosen[part]]
    later = {module: name for part, names in LATER.items() if chosen[part] for module, name in names.items()}
    found += [later.pop(module) for module in list(later) if module in sys.modules]
    if native_executors:
        found.append("weft.native_executors")
    twins = [importlib.import_module(name) for name in found]  # all of them before the first patch: each takes originals
    replaced: dict[int, str] = {}
    for twin in twins:
        replaced |= apply(twin)
    if later and not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, Finder())
    for finder in sys.meta_path:
        if isinstance(finder, Finder):
            finder.twins |= later
    late = sorted(captured(replaced)) if replaced else []
    if thread and replaced:
        late += [f"{name} (a real lock)" for name in heal({id(before) for before in originals.values()})]
    if late:
        more = f" and {len(late) - 10} more" if len(late) > 10 else ""
        warnings.warn(
            f"patched too late: {', '.join(late[:10])}{more}; call patch_all() before these imports, or use `weft run`",
            LatePatchWarning,
            stacklevel=2,
        )


def refuse_others() -> None:
    """Raise RuntimeError if another library has put its own cooperative calls in the place of the standard ones."""
    gevent, eventlet = sys.modules.get("gevent.monkey"), sys.modules.get("eventlet.patcher")
    if getattr(gevent, "saved", None):
        raise RuntimeError("gevent.monkey has patched this process, and one process has one scheduler: do not call gevent's patch_all()")
    if getattr(eventlet, "already_patched", None):
        raise RuntimeError("eventlet has patched this process, and one process has one scheduler: do not call eventlet.monkey_patch()")


def apply(twin: ModuleType) -> dict[int, str]:
    """Put what `twin` offers in its place.

    Returns the names of the functions and classes that it replaced, by the identity of the original.
    """
    replaced: dict[int, str] = {}
    for dotted, attributes in twin.__patches__.items():
        target = owner(dotted)
        for attribute, value in attributes.items():
            if (dotted, attribute) in originals:
                continue
            before = original(target, attribute)
            originals[dotted, attribute] = before
            setattr(target, attribute, value)
            if isinstance(value, type) and isinstance(before, type):
                renamed.append((value, rename(value, before.__module__, before.__qualname__)))
            if not isinstance(target, type) and not isinstance(before, ModuleType) and not attribute.startswith("_"):
                replaced[id(before)] = f"{dotted}.{attribute}"
    if twin not in applied:
        applied.append(twin)
        if hasattr(twin, "_patched"):
            twin._patched()
    return replaced


class Finder(importlib.abc.MetaPathFinder):
    """Applies a twin as soon as the module is imported that it patches."""

    def __init__(self) -> None:
        self.twins: dict[str, str] = {}

    def find_spec(self, fullname: str, path: Any, target: ModuleType | None = None) -> importlib.machinery.ModuleSpec | None:
        """The module's own spec, with a loader that patches it."""
        twin = self.twins.pop(fullname, None)
        spec = None if twin is None else importlib.util.find_spec(fullname)
        if twin is not None and spec is not None and spec.loader is not None:
            spec.loader = Loader(spec.loader, twin)
        return spec


class Loader(importlib.abc.Loader):
    """Loads a module as its own loader does, and then patches it."""

    def __init__(self, own: Any, twin: str) -> None:
        self.own = own
        self.twin = twin

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        """As its own loader."""
        created: ModuleType | None = self.own.create_module(spec)
        return created

    def exec_module(self, module: ModuleType) -> None:
        """As its own loader; then the patches."""
        if module.__spec__ is not None:
            module.__spec__.loader = self.own
        module.__loader__ = self.own
        self.own.exec_module(module)
        apply(importlib.import_module(self.twin))


def captured(replaced: dict[int, str]) -> Iterator[str]:
    """Where a module outside the standard library holds one of the replaced originals."""
    for module_name, module in list(sys.modules.items()):
        root = module_name.partition(".")[0]
        if root in sys.stdlib_module_names or root in ("weft", "greenlet") or module is None:
            continue
        for name, value in list(vars(module).items()) if hasattr(module, "__dict__") else ():
            original = replaced.get(id(value))
            if original is not None:
                yield f"{module_name}.{name} ({original})"


def is_patched(module: str, name: str | None = None) -> bool:
    """True if something of `module` (``"socket"``), or its attribute `name`, is patched."""
    return any(module == dotted and name in (None, attribute) for dotted, attribute in originals)


def get_original(module: str, name: str) -> Any:
    """The standard library's own ``module.name``, patched or not. AttributeError if there is none."""
    if originals.get((module, name), ABSENT) is not ABSENT:
        return originals[module, name]
    return getattr(owner(module), name)


def unpatch_all() -> None:
    """Undo every patch, but those of locks. What the program has taken meanwhile keeps parking."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, Finder)]
    while applied:
        twin = applied.pop()
        if hasattr(twin, "_unpatched"):
            twin._unpatched()
    while originals:
        (dotted, attribute), before = originals.popitem()
        if before is ABSENT:
            delattr(owner(dotted), attribute)
        else:
            setattr(owner(dotted), attribute, before)
    while renamed:
        kind, names = renamed.pop()
        rename(kind, *names)


@contextmanager
def patched(**parts: bool) -> Iterator[None]:
    """Patch for the length of a ``with`` block; for tests. Arguments as for ``patch_all``."""
    patch_all(**parts)
    try:
        yield
    finally:
        unpatch_all()
