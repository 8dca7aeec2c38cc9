"""In the place of ``uvloop.Loop``: asyncio's own loop.

uvloop waits in C, where no task can run: with tasks beside it, it would wait for ever. ``uvicorn[standard]`` and others take it by
themselves, so it must not be an error.
"""

import asyncio
import sys

__all__ = ["Loop"]

told = False


class Loop(asyncio.SelectorEventLoop):
    """asyncio's loop under the name of uvloop's; the first one says so on stderr."""

    def __init__(self) -> None:
        global told
        super().__init__()
        if not told and sys.stderr is not None:
            told = True
            print("weft: uvloop cannot run beside weft's tasks; asyncio's own event loop takes its place", file=sys.stderr)


__patches__ = {"uvloop": {"Loop": Loop}}
