"""Forks: in a task, on another thread, in a child; the child ends as it is told to."""

import os
import signal
import sys
import time
from collections.abc import Callable
from random import Random

import weft
from weft import native
from weft import os as files

from ..world import PATIENCE, World, check
from . import operation
from .limits import restore

NO_LIBRARY = 127  # the dynamic linker's exit status


def child(work: Callable[[], int]) -> None:
    """Do `work` in the child and end with what it returns."""
    code = 99
    restore()
    try:
        with weft.CancelScope(shield=True):
            code = work()
    except BaseException as error:
        os.write(2, f"in a child: {error!r}\n".encode())
    finally:
        os._exit(code)


def reap(world: World, pid: int, expected: int) -> None:
    """Wait for the child's end, and check its status."""
    with weft.CancelScope(shield=True):
        end = time.monotonic() + 2 * PATIENCE
        while not (found := native.waitpid(pid, os.WNOHANG))[0]:
            if time.monotonic() > end:
                os.kill(pid, signal.SIGABRT)  # faulthandler shows where it hangs
            weft.sleep(0.001)
    code = os.waitstatus_to_exitcode(found[1])
    check(code == expected, "a child's exit status", code, expected)


def ordinary(rng: Random) -> int:
    """Use tasks, threads, sockets and a queue, as any child may."""
    own = Random(rng.random())
    task = weft.spawn(weft.sleep, own.random() * 0.001)
    if not task.join(PATIENCE):
        return 2
    if own.random() < 0.5 and weft.offload(sum, [1, 2]) != 3:
        return 3
    queue: weft.SimpleQueue[int] = weft.SimpleQueue()
    weft.spawn(queue.put, 7)
    if queue.get(timeout=PATIENCE) != 7:
        return 4
    reader, writer = os.pipe()
    weft.spawn(files.write, writer, b"x")
    if files.read(reader, 1) != b"x":
        return 5
    return 0


@operation(0.3, "fork")
def in_task(world: World, rng: Random, depth: int) -> None:
    """Fork in a task; the child uses the core."""
    pid = files.fork()
    if not pid:
        child(lambda: ordinary(rng))
    reap(world, pid, 0)


@operation(0.2, "fork")
def twice(world: World, rng: Random, depth: int) -> None:
    """Fork in a child's task, too."""

    def again() -> int:
        pid = files.fork()
        if not pid:
            child(lambda: ordinary(rng))
        return os.waitstatus_to_exitcode(files.waitpid(pid, 0)[1])

    pid = files.fork()
    if not pid:
        child(lambda: weft.spawn(again).result(PATIENCE))
    reap(world, pid, 0)


@operation(0.2, "fork")
def on_thread(world: World, rng: Random, depth: int) -> None:
    """Fork on another OS thread, which may have a scheduler or none."""
    pids: list[int] = []
    uses = rng.random() < 0.5

    def work() -> None:
        if uses:
            weft.sleep(0)
        pid = os.fork()
        if not pid:
            child(lambda: ordinary(rng))
        pids.append(pid)

    world.await_thread(world.thread(work))
    for pid in pids:
        reap(world, pid, 0)


@operation(0.2, "fork")
def status(world: World, rng: Random, depth: int) -> None:
    """Let a task fork, and let its child's task return, fail, or ask for an exit status."""
    kind = rng.choice(["return", "error", "exit"])
    pids: list[int] = []

    def work() -> None:
        pid = files.fork()
        if pid:
            pids.append(pid)
            return
        restore()
        sys.stderr = None  # the error's report is not for the campaign
        weft.sleep(0)
        if kind == "error":
            raise ValueError("in a child")
        if kind == "exit":
            sys.exit(3)

    task = weft.spawn(work)
    world.settle([task], cancel=False)
    for pid in pids:
        reap(world, pid, {"return": 0, "error": 1, "exit": 3}[kind])


@operation(0.1, "fork")
def command(world: World, rng: Random, depth: int) -> None:
    """Run a command with pipes, and read what it says."""
    from weft import subprocess

    data = b"x" * rng.choice([1, 100_000])
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            out, _ = process.communicate(data)
        except BaseException:
            process.kill()
            raise
    if world.settings.fd_limit and process.returncode == NO_LIBRARY:  # the limit was its, too
        return
    check(out == data, "what a command said", len(out), len(data))
