"""An interval timer that strikes while tasks run, with handlers that wait, offload and raise.

A handler's error goes to the main task: the run counts each that was raised and each that came.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from types import FrameType
from typing import Any

import weft

from ..settings import Settings
from ..world import Struck, World, check
from . import operation

EVERY = 0.003  # seconds between two strikes


def unseen(world: World, frame: FrameType | None) -> bool:
    """Return True where an error may be dropped: an operation has broken the hook, or a finalizer asks for a repr.

    CPython drops what a socket's ``__repr__`` raises in its finalizer.
    """
    if sys.unraisablehook is not world.hook:
        return True
    while frame is not None:
        if frame.f_code.co_name == "__repr__":
            return True
        frame = frame.f_back
    return False


@contextmanager
def strike(world: World, settings: Settings) -> Iterator[None]:
    """Let signals strike during the block, if the run asks for them."""
    if not settings.signals:
        yield
        return
    rng = Random(settings.seed)
    busy = False
    main = weft.current_task()
    offloads = any(entry.name == "signals.offload" for entry in world.operations)

    def handler(number: int, frame: Any) -> None:
        nonlocal busy
        if busy:  # one at a time, or they would pile up on the main task's stack
            return
        busy = True
        world.counts["(strikes)"] += 1
        try:
            with weft.CancelScope(shield=True):  # its task may be cancelled: not the handler's affair
                act(frame)
        finally:
            busy = False

    def act(frame: FrameType | None) -> None:
        choice = rng.random()
        if choice < 0.2:
            weft.sleep(0.001)
        elif choice < 0.3 and offloads:
            weft.offload(int)
        elif choice < 0.4:
            world.settle([weft.spawn(weft.sleep, 0)], cancel=False)
        elif choice < 0.5:
            world.shared.event.set()
        elif choice < 0.6:
            with weft.move_on_after(0.001), world.shared.rlock:
                weft.sleep(0)
        elif choice < 0.7 and world.catching and weft.current_task() is main and not unseen(world, frame):
            # unpatched, a handler runs in whatever task runs Python, and its error goes there
            world.catching = False  # until the main task is ready for another
            world.strikes += 1
            raise Struck

    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, EVERY, EVERY)
    try:
        yield
    finally:
        while True:
            try:
                signal.setitimer(signal.ITIMER_REAL, 0)
                weft.sleep(0.01)  # the last one strikes before the handler goes
                signal.signal(signal.SIGALRM, signal.SIG_IGN)  # tasks may still send some
                break
            except Struck:
                world.strikes -= 1


@operation(1, "signals")
def kill(world: World, rng: Random, depth: int) -> None:
    """Send the signal to the own process from a task."""
    os.kill(os.getpid(), signal.SIGALRM)
    weft.sleep(0)


@operation(1, "signals")
def offload(world: World, rng: Random, depth: int) -> None:
    """Offload, struck by handlers that offload; without it, handlers do not."""
    check(weft.offload(sum, [1, 2]) == 3, "an offloaded call's value")
