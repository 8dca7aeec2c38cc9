"""eventlet's own patching in a program that weft has patched: an error with the remedy, where both together would hang."""

from typing import Any, NoReturn


def refuse(*args: Any, **kwargs: Any) -> NoReturn:
    """Raise RuntimeError."""
    raise RuntimeError("weft has patched this process, and one process has one scheduler: run the program with `python`")


__patches__ = {"eventlet.patcher": {"monkey_patch": refuse}}
