"""One run: root tasks that do random operations until the time is over, and the checks after it.

Each root task has a random generator of its own, made of the seed and the task's place. So its
choice does not depend on how tasks interleave.
"""

import faulthandler
import gc
import queue
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from greenlet import getcurrent

import weft
from weft import native
from weft._core import offload
from weft._core.schedulers import alive

from .ledger import Finding, Inside, Items, check, descriptors, threads
from .operations import select
from .settings import Settings
from .shared import Shared

PATIENCE = 60.0  # seconds for what takes milliseconds on an idle machine: never a measure of speed
ENDING = 45.0  # seconds for all tasks to end after they are cancelled
DEPTH = 3  # of nested groups
RING = "anon_inode:[io_uring]"


class Bad(Exception):
    """An ordinary error of a task."""


class World:
    """The state of one run."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.items = Items()
        self.inside = Inside()
        self.shared = Shared()
        self.counts: Counter[str] = Counter()
        self.begun: Counter[str] = Counter()
        self.failures: list[tuple[str, BaseException]] = []
        self.roots: list[weft.Task[Any]] = []
        self.doing: dict[int, tuple[str, Any]] = {}
        self.endings: list[Callable[[], None]] = []  # called last, before the process ends
        self.hook: object = None  # the run's own ``sys.unraisablehook``
        self.strikes = 0  # exceptions of signal handlers: raised, minus seen
        self.holds = 0  # blocks that hold the collector off
        self.catching = False  # the main task catches a handler's exception, the next one
        self.limited = False  # somebody has lowered RLIMIT_NOFILE
        self.operations = select(settings)
        self.weights = [entry.weight for entry in self.operations]
        if not self.operations:
            raise SystemExit("no operation is left; --list names them, and the switches they need")

    # -- what operations use

    def settle(self, tasks: Iterable[weft.Task[Any]], cancel: bool = True) -> None:
        """Wait for `tasks`, which must end, whatever happens to the caller; cancel them first."""
        with weft.CancelScope(shield=True):
            for task in tasks:
                if cancel:
                    task.cancel()
                check(task.join(PATIENCE), "a task does not end", task)

    def eventually(self, holds: Callable[[], object], *facts: object) -> None:
        """Wait until ``holds()``, shielded; a Finding if it never does."""
        end = time.monotonic() + PATIENCE
        with weft.CancelScope(shield=True):
            while not holds():
                check(time.monotonic() < end, *facts)
                weft.sleep(0.002)

    def thread(self, fn: Callable[[], object]) -> weft.Event:
        """Call ``fn()`` on a new OS thread; an Event tells its end, and an error is a failure.

        With a lowered limit the thread's scheduler may be refused: that error is right.
        """
        done = weft.Event()

        def run() -> None:
            try:
                fn()
            except BaseException as error:
                if not self.tolerated(error):
                    self.fail("an OS thread", error)
            finally:
                done.set()

        native.start_new_thread(run, ())
        return done

    def await_thread(self, done: weft.Event) -> None:
        """Wait, shielded, for the end of a thread that ``thread`` started."""
        with weft.CancelScope(shield=True):
            check(done.wait(PATIENCE), "an OS thread does not end")

    def fail(self, where: str, error: BaseException) -> None:
        """Keep a failure; the run ends with it."""
        self.failures.append((where, error))

    # -- the tasks

    def body(self, rng: Random, depth: int, steps: int) -> None:
        """Do so many operations."""
        me = id(weft.current_task())
        outer = self.doing.get(me)
        try:
            for _ in range(steps):
                entry = rng.choices(self.operations, self.weights)[0]
                self.doing[me] = entry.name, getcurrent()
                self.begun[entry.name] += 1
                try:
                    entry.run(self, rng, depth)
                except (Bad, weft.Cancelled):
                    raise
                except BaseException as error:
                    if self.tolerated(error):
                        continue
                    error.add_note(f"in {entry.name}")
                    raise
                self.counts[entry.name] += 1
        finally:
            if outer is None:
                self.doing.pop(me, None)
            else:
                self.doing[me] = outer

    def tolerated(self, error: BaseException) -> bool:
        """Return True for what a lowered limit of descriptors may cause anywhere."""
        if not self.settings.fd_limit:
            return False
        if isinstance(error, BaseExceptionGroup):
            return all(self.tolerated(one) for one in error.exceptions)
        return isinstance(error, OSError) and error.errno in (23, 24)  # ENFILE, EMFILE

    def root(self, place: int) -> None:
        """A root task."""
        rng = Random(f"{self.settings.seed}.{place}")
        try:
            self.body(rng, 0, rng.randint(1, 30))
        except Bad:
            self.counts["(failed)"] += 1

    def ended(self, task: "weft.Task[Any]") -> None:
        """Note a root task's end."""
        self.roots.remove(task)
        if task.cancelled():
            self.counts["(cancelled)"] += 1
        elif (error := task.exception()) is not None:
            self.fail(f"task {task.name}", error)

    def start(self, place: int) -> None:
        """Start a root task."""
        task = weft.spawn(self.root, place)
        self.roots.append(task)
        task.add_done_callback(self.ended)

    @contextmanager
    def no_collection(self) -> Iterator[None]:
        """Hold the cyclic collector off during the block, from whatever thread."""
        self.holds += 1
        gc.disable()
        try:
            yield
        finally:
            self.holds -= 1
            if not self.holds:
                gc.enable()

    # -- the run

    def start_missing(self, place: int) -> int:
        """Start the root tasks that are missing; return the last one's place.

        The loop has a function of its own: from Python 3.12 on, what a signal handler raises at a loop's jump back
        passes by the ``try`` block that the jump is in.
        """
        while len(self.roots) < self.settings.tasks:
            place += 1
            self.start(place)
        return place

    def loop(self) -> None:
        """Keep the root tasks going until the time is over or something failed."""
        rng = Random(self.settings.seed)
        end = time.monotonic() + self.settings.seconds
        place = 0
        while time.monotonic() < end and not self.failures:
            try:
                self.catching = True
                place = self.start_missing(place)
                weft.sleep(rng.random() * 0.004)
                self.catching = False
            except OSError as error:
                self.catching = False
                if not self.tolerated(error):
                    raise
            except Struck:
                self.strikes -= 1

    def drain(self) -> None:
        """Take out what is left in the shared channels and queues."""
        for _ in range(3):
            for source in self.shared.sources:
                while True:
                    try:
                        if isinstance(source, weft.Channel):
                            item = source.receive_nowait()
                        else:
                            item = source.get_nowait()
                    except (weft.WouldBlock, queue.Empty):
                        break
                    self.items.received(item)
            weft.sleep(0.005)

    def end_tasks(self) -> None:
        """Cancel the root tasks; all must end. Their errors hold frames, so no handle stays here."""
        left = list(self.roots)
        for root in left:
            root.cancel()
        weft.joinall(left, ENDING)
        stuck = [task for task in left if not task.done()]
        if stuck:
            self.show_parked()
        check(not stuck, "tasks that do not end after their cancellation", len(stuck), stuck[:5])

    def finish(self, before: dict[int, str], others: int) -> None:
        """End everything, and check the invariants of the whole run."""
        self.end_tasks()
        gc.collect()
        weft.sleep(0.01)
        self.drain()
        gc.collect()
        self.drain()
        self.items.verify()
        self.inside.verify()
        check(self.strikes == 0, "exceptions of signal handlers, raised less seen", self.strikes)
        held = self.shared.verify()
        check(not held, "still held", held)
        self.eventually(lambda: threads() <= others, "OS threads are left", others)
        self.eventually(lambda: not alive(), "tasks are left", alive()[:5])
        end = time.monotonic() + PATIENCE / 4
        while (new := self.left(before)) and time.monotonic() < end:
            gc.collect()
            weft.sleep(0.05)
        check(not new, "descriptors that were not closed", len(new), dict(list(new.items())[:6]))

    def left(self, before: dict[int, str]) -> dict[int, str]:
        """Return the descriptors that were opened and not closed, but for those that weft keeps.

        It keeps one ring for accepting, and one for the disk reads of each scheduler: here, of one.
        """
        now = descriptors()
        new = {number: now[number] for number in now.keys() - before.keys()}
        rings = [number for number, kind in now.items() if kind == RING]
        if len(rings) <= 2:
            for number in rings:
                new.pop(number, None)
        return new

    def show_parked(self) -> None:
        """Print what each task does, and where."""
        for _, (name, stack) in list(self.doing.items()):
            print(f"-- in {name}", file=sys.stderr)
            frame = getattr(stack, "gr_frame", None)
            if frame is not None:
                traceback.print_stack(frame, limit=-6)
        sys.stderr.flush()


class Struck(Exception):
    """Raised by a signal handler of the run."""


def watch(world: World, seconds: float) -> None:
    """Print the parked tasks of a run that takes too long; the campaign then ends it."""

    def wait() -> None:
        native.sleep(seconds)
        print(f"the run hangs: {len(world.doing)} tasks are in an operation", file=sys.stderr)
        world.show_parked()

    native.start_new_thread(wait, ())


def run(settings: Settings) -> int:
    """Do one run in this process; return the exit status."""
    faulthandler.enable()
    warnings.simplefilter("ignore", ResourceWarning)  # sockets are dropped on purpose
    warnings.filterwarnings("ignore", message=".*multi-threaded", category=DeprecationWarning)
    offload.LINGER = 0.2  # idle pool threads end before the descriptors are counted
    world = World(settings)
    watch(world, settings.seconds + 2 * PATIENCE)
    weft.offload(int)
    weft.sleep(0.01)
    warm_up(world)
    before, others = descriptors(), threads()
    began = time.monotonic()
    if settings.gc1:
        gc.set_threshold(1, 2, 2)
    unraised: list[Any] = []
    world.hook = sys.unraisablehook = lambda args: seen(world, unraised, args)
    from .operations.limits import restore
    from .operations.signals import strike

    status = 1
    try:
        with strike(world, settings):
            world.loop()
        world.finish(before, others)
        status = 0
    except BaseException as error:
        world.failures.insert(0, ("the run", error))
    restore()  # a task that failed or hangs may have left it low
    table(world)
    for where, error in world.failures[:3]:
        status = 1
        print(f"-- failure in {where}", file=sys.stderr)
        traceback.print_exception(error)
    for args in unraised[:3]:
        status = 1
        print(f"-- ignored by the interpreter: {args}", file=sys.stderr)
    for ending in world.endings:
        ending()
    report(world, time.monotonic() - began, status)
    return status


def warm_up(world: World) -> None:
    """Import what operations import on need, and let idle threads end."""
    import concurrent.futures

    "host".encode("idna")  # a codec whose module cannot be opened once is never found again
    import weft.subprocess

    assert weft.select  # imported by two tasks at once, a module may be seen half made
    assert list(weft.map(abs, [1])) == [1]
    weft.iterator(lambda: weft.emit(1))()
    world.await_thread(world.thread(lambda: weft.sleep(0)))
    assert concurrent.futures.CancelledError
    end = time.monotonic() + PATIENCE
    while threads() > 2 and time.monotonic() < end:  # this one and the watcher
        weft.sleep(0.05)


def seen(world: World, unraised: list[Any], args: Any) -> None:
    """Take the place of ``sys.unraisablehook``: errors that nobody expects are findings."""
    if isinstance(args.exc_value, Struck):
        world.strikes -= 1
    elif isinstance(args.exc_value, (Bad, weft.Cancelled)) or world.tolerated(args.exc_value):
        world.counts["(ignored)"] += 1
    else:
        where = f"{args.err_msg or 'Exception ignored in'} {type(args.object).__name__}"
        text = "".join(traceback.format_exception(args.exc_value))
        unraised.append(f"{where}\n{text}")


def table(world: World) -> None:
    """Print how often each operation ended and began, before the errors: a campaign shows those."""
    for entry in world.operations:
        print(f"{entry.name:32} {world.counts[entry.name]:8} of {world.begun[entry.name]}")
    sys.stdout.flush()


def report(world: World, seconds: float, status: int) -> None:
    """Print the summary in one line, which is what a campaign shows."""
    total = sum(count for name, count in world.counts.items() if name[0] != "(")
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    rest = ", ".join(f"{count} {name}" for name, count in world.counts.items() if name[0] == "(")
    print(
        f"seed {world.settings.seed}: {total} operations in {seconds:.1f} s"
        f" ({total / max(seconds, 0.1):.0f} a second), {world.items.total} items,"
        f" {pages * 4096 >> 20} MiB{', ' + rest if rest else ''}; {'held' if not status else 'BROKEN'}",
        flush=True,
    )


__all__ = ["PATIENCE", "Bad", "Finding", "Struck", "World", "check", "run"]
