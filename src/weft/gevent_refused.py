"""gevent's own patching in a program that weft has patched: an error with the remedy, where both together would hang."""

from typing import Any, NoReturn

from gevent import monkey

REMEDY = (
    "weft has patched this process, and one process has one scheduler: run the program with `python`, "
    "or with `weft run --as-gevent`, where weft answers to gevent's names"
)


def refuse(*args: Any, **kwargs: Any) -> NoReturn:
    """Raise RuntimeError."""
    raise RuntimeError(REMEDY)


__patches__ = {"gevent.monkey": {name: refuse for name in dir(monkey) if name.startswith("patch_")}}
