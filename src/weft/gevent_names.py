"""weft under gevent's names, for programs that say ``import gevent``; ``weft run`` installs it where gevent is not.

``gevent``: ``spawn``, ``spawn_later``, ``sleep``, ``joinall``, ``wait``, ``killall``, ``getcurrent``, ``Greenlet``, ``GreenletExit``;
``gevent.monkey``: the ``patch_*`` functions, which find everything patched. What else there is of gevent raises ImportError, and says so.

Libraries ask whether gevent can be found, and then use more of it than there is here. So the names are found by an import statement (or
``import_module``) of the program's own code, and not by that of a library or by ``find_spec``.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import FrameType, ModuleType
from typing import Any

from greenlet import GreenletExit, getcurrent

import weft
from weft import monkey

__all__ = ["Greenlet", "install"]


class Greenlet:
    """A task with the interface of ``gevent.Greenlet``."""

    def __init__(self, run: Callable[..., Any] | None = None, *args: Any, **kwargs: Any) -> None:
        self.value: Any = None
        self.exception: BaseException | None = None
        self.args = args
        self.kwargs = kwargs
        self._task: weft.Task[None] | None = None
        if run is not None:
            self._run = run  # type: ignore[method-assign]

    @classmethod
    def spawn(cls, *args: Any, **kwargs: Any) -> "Greenlet":
        """Make one and start it."""
        made = cls(*args, **kwargs)
        made.start()
        return made

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        """A subclass says here what to do."""

    def _work(self, delay: float) -> None:
        if delay:
            weft.sleep(delay)
        try:
            self.value = self._run(*self.args, **self.kwargs)
        except (weft.Cancelled, GreenletExit):
            self.value = GreenletExit()
        except (KeyboardInterrupt, SystemExit) as error:
            self.exception = error
            raise
        except BaseException as error:
            self.exception = error
            sys.excepthook(type(error), error, error.__traceback__)

    def start(self) -> None:
        """Let it begin at the next switch."""
        self.start_later(0)

    def start_later(self, seconds: float) -> None:
        """Let it begin in `seconds`."""
        if self._task is None:
            self._task = weft.spawn(self._work, seconds)

    @property
    def started(self) -> bool:
        """True from ``start`` to the end."""
        return self._task is not None and not self._task.done()

    @property
    def dead(self) -> bool:
        """True once it has ended."""
        return self._task is not None and self._task.done()

    def ready(self) -> bool:
        """The same as ``dead``."""
        return self.dead

    def successful(self) -> bool:
        """True once it has ended without an error."""
        return self.dead and self.exception is None

    def join(self, timeout: float | None = None) -> None:
        """Wait for the end, at most `timeout` seconds."""
        if self._task is not None:
            self._task.join(timeout)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """What it returned; raises what it raised, TimeoutError if it has not ended in time."""
        self.join(timeout if block else 0)
        if not self.dead:
            raise TimeoutError(f"{timeout} seconds")
        if self.exception is not None:
            raise self.exception
        return self.value

    def kill(self, exception: object = None, block: bool = True, timeout: float | None = None) -> None:
        """End it where it waits."""
        if self._task is not None:
            self._task.cancel()
            if block:
                self.join(timeout)


def spawn_later(seconds: float, run: Callable[..., Any], *args: Any, **kwargs: Any) -> Greenlet:
    """Make one and start it in `seconds`."""
    made = Greenlet(run, *args, **kwargs)
    made.start_later(seconds)
    return made


def sleep(seconds: float = 0, ref: bool = True) -> None:
    """Park for `seconds`."""
    weft.sleep(max(seconds, 0))


def joinall(
    greenlets: Iterable[Greenlet], timeout: float | None = None, raise_error: bool = False, count: int | None = None
) -> list[Greenlet]:
    """Wait until all (or `count`) have ended, at most `timeout` seconds; returns those that have."""
    waited = list(greenlets)
    tasks = {one._task: one for one in waited if one._task is not None}
    if count is None and not raise_error:
        weft.joinall(list(tasks), timeout)
        return [one for one in waited if one.dead]
    ended: list[Greenlet] = []
    try:
        for task in weft.as_completed(list(tasks), timeout):
            one = tasks[task]
            ended.append(one)
            if raise_error and one.exception is not None:
                raise one.exception
            if count is not None and len(ended) >= count:
                break
    except TimeoutError:
        pass
    return ended


def wait(objects: Iterable[Greenlet] | None = None, timeout: float | None = None, count: int | None = None) -> list[Greenlet]:
    """The same as ``joinall``; weft does not know what else it could wait for, so `objects` must be given."""
    if objects is None:
        raise TypeError("weft's gevent.wait takes the greenlets to wait for")
    return joinall(objects, timeout, False, count)


def killall(greenlets: Iterable[Greenlet], exception: object = None, block: bool = True, timeout: float | None = None) -> None:
    """End them where they wait."""
    killed = list(greenlets)
    for one in killed:
        one.kill(block=False)
    if block:
        joinall(killed, timeout)


def patched(*args: Any, **kwargs: Any) -> bool:
    """Everything is patched already: ``weft run`` did it before the program began."""
    monkey.patch_all()
    return True


PATCHES = [
    "all",
    "builtins",
    "contextvars",
    "dns",
    "os",
    "queue",
    "select",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "sys",
    "thread",
    "time",
]
MODULES: dict[str, dict[str, Any]] = {
    "gevent": {
        "Greenlet": Greenlet,
        "GreenletExit": GreenletExit,
        "Timeout": TimeoutError,
        "getcurrent": getcurrent,
        "joinall": joinall,
        "killall": killall,
        "sleep": sleep,
        "spawn": Greenlet.spawn,
        "spawn_later": spawn_later,
        "wait": wait,
        "__path__": [],
        "__version__": "26.9.0",  # the one whose interface this is a part of
        "version_info": (26, 9, 0, "final", 0),
    },
    "gevent.monkey": {
        **{f"patch_{name}": patched for name in PATCHES},
        "get_original": monkey.get_original,
        "is_module_patched": monkey.is_patched,
        "is_object_patched": monkey.is_patched,
    },
}


FOLDERS = ("site-packages", "dist-packages")
MACHINERY = ("importlib", "importlib._bootstrap", "importlib._bootstrap_external")


@cache
def libraries() -> tuple[str, ...]:
    """Return the folders of installed modules; asked for late, since most programs never import gevent."""
    import sysconfig

    return tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})


def program_imports() -> bool:
    """Return whether the import that is under way comes from the program's own code."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__") in (__name__, *MACHINERY):
        frame = frame.f_back
    if frame is None:
        return False
    path = frame.f_code.co_filename
    return not path.startswith((*libraries(), "<frozen")) and not any(folder in path for folder in FOLDERS)


class Finder(MetaPathFinder, Loader):
    """Finds ``gevent`` here."""

    def __init__(self, for_all: bool) -> None:
        self.for_all = for_all

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The modules that weft answers to; for others of gevent's an ImportError that says so."""
        if fullname.partition(".")[0] != "gevent" or not (self.for_all or program_imports()):
            return None
        if fullname in MODULES:
            return ModuleSpec(fullname, self, origin="weft", is_package="__path__" in MODULES[fullname])
        if fullname.startswith("gevent."):
            raise ModuleNotFoundError(
                f"{fullname}: weft answers to {' and '.join(MODULES)} alone; install gevent, or use weft's own names", name=fullname
            )
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Fill a module."""
        vars(module).update(MODULES[module.__name__])


def install(for_all: bool = False) -> None:
    """Let ``import gevent`` find weft from now on; `for_all`: also where a library imports it, or asks whether it is there."""
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, Finder(for_all))
