"""The cooperative twin of ``input`` and ``sys.stdin``: waiting for somebody to type, or for a pipe, parks the task."""

import builtins
import sys
from typing import Any

from weft import pipes
from weft._core.offload import ThreadPool
from weft.builtin import stands_for

__all__ = ["input"]

standard_input = builtins.input
terminal = ThreadPool(1)  # the editing of a line at a terminal cannot park


@stands_for(builtins)
def input(prompt: object = "", /) -> str:
    """As ``input``; the task is parked until there is a line."""
    if sys.stdin is not None and sys.stdin.isatty() and sys.stdout is not None and sys.stdout.isatty():
        return terminal.call(standard_input, prompt)
    return standard_input(prompt)


def parking(stream: Any) -> Any:
    """`stream`, or one in its place that parks: if it is a pipe, a terminal or a socket."""
    try:
        number = stream.fileno()
        if not pipes.parks(number):
            return stream
    except (AttributeError, OSError, ValueError):
        return stream  # there is none, or it is the program's own
    made = pipes.open_pipe(number, "r", -1, stream.encoding, stream.errors, closefd=False)
    made.buffer.raw.name = "<stdin>"
    return made


__patches__: dict[str, dict[str, Any]] = {"builtins": {"input": input}}
if sys.stdin is not None and sys.stdin is sys.__stdin__ and parking(sys.stdin) is not sys.stdin:
    __patches__["sys"] = {"stdin": parking(sys.stdin)}
