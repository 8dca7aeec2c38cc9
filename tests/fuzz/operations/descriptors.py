"""Descriptors that are closed, replaced and used again under their waiters.

They lie in a private range of high numbers, so that nobody else's descriptor is touched. One task
at a time uses the range.
"""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import weft
from weft import native, socket
from weft import os as files

from ..world import PATIENCE, World, check
from . import operation

FIRST, LAST = 700, 760
private = weft.Lock()


def lifted_pipe() -> tuple[int, int]:
    """Make a pipe in the private range."""
    ends = os.pipe()
    try:
        source, target = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, FIRST) for end in ends)
    except OSError as error:
        if error.errno == errno.EINVAL:  # the limit is below the range
            raise OSError(errno.EMFILE, "the limit of descriptors is low") from error
        raise
    finally:
        for end in ends:
            files.close(end)
    return source, target


@contextmanager
def range_of_pipes() -> Iterator[tuple[int, int]]:
    """Have a pipe in the private range, and nobody else in there."""
    if not private.acquire(timeout=0.05):
        raise TimeoutError
    try:
        source, target = lifted_pipe()
        yield source, target
    finally:
        for number in range(FIRST, LAST):
            try:
                files.close(number)
            except OSError:
                pass
        private.release()


def wait(number: int, write: bool, ends: list[object]) -> None:
    """Wait for a descriptor and note the end."""
    try:
        if write:
            weft.wait_writable(number, 0.02)
        else:
            weft.wait_readable(number, 0.02)
        ends.append("ready")
    except TimeoutError:
        ends.append("late")
    except OSError as error:
        ends.append(error.errno)


@operation(3)
def closed(world: World, rng: Random, depth: int) -> None:
    """Close a pipe under its waiters: EBADF; then use its number again."""
    ends: list[object] = []
    try:
        with range_of_pipes() as (source, _):
            tasks = [weft.spawn(wait, source, False, ends) for _ in range(rng.randint(1, 3))]
            try:
                weft.sleep(0)
            finally:
                files.close(source)
                world.settle(tasks, cancel=False)
            check(set(ends) <= {errno.EBADF, "late"}, "waiters of a closed pipe", ends)
            works(world, *lifted_pipe())
    except TimeoutError:
        pass


def works(world: World, source: int, target: int) -> None:
    """Check that a pipe wakes who waits for it."""
    task = weft.spawn(files.read, source, 1)
    try:
        weft.sleep(0)
    finally:
        native.write(target, b"z")
        with weft.CancelScope(shield=True):
            ended = task.join(PATIENCE)
        task.cancel()
    check(ended, "a pipe whose number was used before does not wake", source)
    check(task.cancelled() or task.result() == b"z", "the wrong byte")


def replace(fresh: int, number: int) -> None:
    """Put a copy of `fresh` in the place of `number`, unless that is not below a lowered limit."""
    try:
        os.dup2(fresh, number)
    except OSError as error:
        os.fstat(fresh)  # it is open, so it was `number` that the system refused
        check(error.errno == errno.EBADF, "dup2", error)
        raise OSError(errno.EMFILE, "the limit of descriptors was low") from error


@operation(2)
def replaced(world: World, rng: Random, depth: int) -> None:
    """Put another pipe in the place of a waited one (dup2): a wait works, or it raises."""
    ends: list[object] = []
    try:
        with range_of_pipes() as (source, _):
            fresh, other = lifted_pipe()
            tasks = [weft.spawn(wait, source, False, ends) for _ in range(rng.randint(0, 2))]
            try:
                weft.sleep(0)
            finally:
                try:
                    replace(fresh, source)
                    tasks.append(weft.spawn(wait, source, False, ends))
                    with weft.CancelScope(shield=True):
                        weft.sleep(0)
                    native.write(other, b"n")
                finally:
                    world.settle(tasks, cancel=False)
            check(files.read(source, 1) == b"n", "not what was written after dup2")
            works(world, source, other)
    except TimeoutError:
        pass


@operation(2)
def socket_replaced(world: World, rng: Random, depth: int) -> None:
    """Put another connection in the place of a socket's descriptor: reading works or raises."""
    one, peer = socket.socketpair()
    fresh, other = socket.socketpair()
    with one, peer, fresh, other:
        peer.send(b"x")
        check(one.recv(1) == b"x", "a byte")
        replace(fresh.fileno(), one.fileno())
        task = weft.spawn(one.recv, 1)
        try:
            weft.sleep(0)
        finally:
            other.send(b"n")
            with weft.CancelScope(shield=True):
                ended = task.join(PATIENCE)
            world.settle([task])
        check(ended, "a socket whose descriptor was replaced never wakes")


@operation(2)
def swept(world: World, rng: Random, depth: int) -> None:
    """Close the whole private range under its waiters; then use it again."""
    ends: list[object] = []
    try:
        with range_of_pipes() as (source, _):
            tasks = [weft.spawn(wait, source, False, ends) for _ in range(rng.randint(1, 3))]
            try:
                weft.sleep(0)
            finally:
                os.closerange(FIRST, LAST)
                world.settle(tasks, cancel=False)
            check(set(ends) <= {errno.EBADF, "late"}, "waiters of a swept range", ends)
            works(world, *lifted_pipe())
    except TimeoutError:
        pass


@operation(2)
def select(world: World, rng: Random, depth: int) -> None:
    """Select descriptors among other cases; leave no wait behind."""
    reader, writer = os.pipe()
    try:
        if filled := rng.random() < 0.5:
            native.write(writer, b"x")
        cases = [weft.readable(reader), weft.after(0.002), weft.Event()]
        if rng.random() < 0.3:
            cases.append(weft.writable(writer))
        case, _ = weft.select(*cases, timeout=PATIENCE)
        check(case is not cases[2], "an event that nobody set")
        check(case is not cases[0] or filled, "readable, though empty")
    finally:
        files.close(reader)
        files.close(writer)


@operation(1)
def nonsense(world: World, rng: Random, depth: int) -> None:
    """Wait for numbers that are no descriptors: an error, at once."""
    for number in (-1, -(2**31), 2**40):
        try:
            weft.wait_readable(number, 0.001)
            check(False, "waited for no descriptor", number)
        except (OSError, ValueError, OverflowError):
            pass


@operation(1)
def unopened(world: World, rng: Random, depth: int) -> None:
    """Wait for numbers that are not open, some of them huge: EBADF, at once."""
    for number in (19_999, 10_000_000, 2_000_000_000):
        try:
            weft.wait_readable(number, 5)
            check(False, "waited for what is not open", number)
        except TimeoutError:
            check(False, "waited for what is not open", number)
        except OSError as error:
            check(error.errno == errno.EBADF, "not EBADF", error)
