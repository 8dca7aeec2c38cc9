"""A function of Python that stands in the place of a built-in one.

A built-in function that lies in a class is no method of it, and is pickled under its own name; a function of Python differs in both.
Programs rely on it: ``class Connection: _read = os.read``, ``pool.map(time.sleep, ...)``.
"""

from collections.abc import Callable
from types import BuiltinFunctionType
from typing import Any, TypeVar, cast

from weft._core.caller import Builtin

__all__ = ["stands_for"]

F = TypeVar("F", bound=Callable[..., Any])


def stands_for(module: Any) -> Callable[[F], F]:
    """Decorate a function that has the name of one of `module`: it looks like that one. Where the module has none, it stays what it is."""

    def wrap(fn: F) -> F:
        original = getattr(module, fn.__name__, None)
        if isinstance(original, BuiltinFunctionType):
            return cast("F", Builtin(fn, original, module.__name__, fn.__name__))
        fn.__module__ = getattr(original, "__module__", fn.__module__)  # what is pickled by name means the same in a process without weft
        return fn

    return wrap
