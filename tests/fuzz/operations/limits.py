"""A limit of descriptors that is lowered for a moment: whatever needs one is refused, and all goes on."""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import weft
from weft import socket

from ..world import World, check
from . import operation

SOFT, HARD = resource.getrlimit(resource.RLIMIT_NOFILE)


def restore() -> None:
    """Take the limit back, in a child that inherited a lowered one."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (SOFT, HARD))


@contextmanager
def lowered(world: World, spare: int) -> Iterator[None]:
    """Leave at most `spare` free descriptors during the block."""
    if world.limited:
        yield
        return
    world.limited = True
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + spare, HARD))
    try:
        yield
    finally:
        restore()
        world.limited = False


@operation(1, "fd_limit")
def refused(world: World, rng: Random, depth: int) -> None:
    """Make sockets and pipes at the limit: an error, and no descriptor is lost."""
    made: list[socket.socket] = []
    try:
        with lowered(world, rng.randint(0, 3)):
            for _ in range(4):
                made += socket.socketpair()
                weft.sleep(0)
    except OSError as error:
        check(error.errno == errno.EMFILE, "not EMFILE", error)
    finally:
        for one in made:
            one.close()


@operation(1, "fd_limit")
def new_thread(world: World, rng: Random, depth: int) -> None:
    """Use the scheduler on a new thread at the limit: each call raises OSError or works."""

    def work() -> None:
        for _ in range(3):
            try:
                weft.sleep(0)
            except OSError as error:
                check(error.errno == errno.EMFILE, "not EMFILE", error)

    with lowered(world, rng.randint(0, 3)):
        world.await_thread(world.thread(work))


@operation(1, "fd_limit")
def waits(world: World, rng: Random, depth: int) -> None:
    """Wait at the limit for what needs no descriptor."""
    with lowered(world, 0):
        weft.sleep(0.001)
        world.settle([weft.spawn(weft.sleep, 0) for _ in range(3)], cancel=False)
