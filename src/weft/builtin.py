"""A function of Python that stands in the place of a built-in one.

A built-in function that lies in a class is no method of it, and is pickled under its own name; a function of Python differs in both.
Programs rely on it: ``class Connection: _read = os.read``, ``pool.map(time.sleep, ...)``.
"""

from collections.abc import Callable
from pkgutil import resolve_name
from types import BuiltinFunctionType
from typing import Any, TypeVar, cast

from weft._core.caller import Caller

__all__ = ["stands_for"]

F = TypeVar("F", bound=Callable[..., Any])


class Builtin(Caller):
    """Calls a function, and otherwise looks like the built-in one: no attributes of its own, pickled under its name."""

    __slots__ = ("module", "name")

    def __init__(self, fn: Callable[..., Any], module: str, name: str) -> None:
        super().__init__(fn)
        self.module = module
        self.name = name

    @property
    def __name__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[Callable[[str], Any], tuple[str]]:
        return resolve_name, (f"{self.module}:{self.name}",)

    def __repr__(self) -> str:
        return f"<cooperative {self.module}.{self.name}>"


def stands_for(module: Any) -> Callable[[F], F]:
    """Decorate a function that has the name of one of `module`: it looks like that one. Where the module has none, it stays what it is."""

    def wrap(fn: F) -> F:
        original = getattr(module, fn.__name__, None)
        if isinstance(original, BuiltinFunctionType):
            return cast("F", Builtin(fn, module.__name__, fn.__name__))
        fn.__module__ = getattr(original, "__module__", fn.__module__)  # what is pickled by name means the same in a process without weft
        return fn

    return wrap
