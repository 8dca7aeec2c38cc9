"""Foreign objects that raise, wait, switch and re-enter wherever the core touches them.

The task's own outcome is what its caller gets; whatever else goes wrong is reported or dropped; the
scheduler and everybody else go on.
"""

import dataclasses
from collections.abc import Callable
from contextvars import ContextVar
from queue import Full
from random import Random
from typing import Any

import weft

from ..world import Bad, World, check
from . import operation

mischief: ContextVar[object] = ContextVar("mischief")


def trouble(rng: Random, cancels_too: bool = True) -> Callable[[], Any]:
    """Return something that a foreign object may do when it is touched.

    A finalizer runs in whatever task drops the object: it must not cancel that one.
    """

    def fails() -> None:
        raise Bad("a foreign object")

    def waits() -> None:
        weft.sleep(0)

    def sleeps() -> None:
        weft.sleep(0.0005)

    def reenters() -> None:
        task = weft.spawn(weft.sleep, 0)
        task.add_done_callback(lambda _: None)
        if rng.random() < 0.5:
            task.cancel()

    def cancels() -> None:
        weft.current_task().cancel()

    return rng.choice([fails, waits, sleeps, reenters, *([cancels] if cancels_too else [])])


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    """An exception that refuses attributes, as many do by accident."""

    code: int


class Slotted(Bad):
    """An exception whose attributes raise."""

    def __setattr__(self, name: str, value: object) -> None:
        raise Bad("no attributes")


class Touchy(Bad):
    """An exception that acts whenever it is shown or compared."""

    act: Callable[[], Any] = staticmethod(lambda: None)

    def __repr__(self) -> str:
        self.act()
        return "touchy"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        self.act()
        return self is other

    def __hash__(self) -> int:
        self.act()
        return 1


class Base(BaseException):
    """An error that is no Exception."""


class Callable_:
    """A callable that acts when it is named or shown, and returns itself."""

    def __init__(self, act: Callable[[], Any]) -> None:
        self.act = act

    @property
    def __name__(self) -> str:
        self.act()
        return "named"

    def __repr__(self) -> str:
        self.act()
        return "callable"

    def __call__(self, *args: object) -> object:
        return self


class Dying:
    """An object that acts when it is dropped."""

    def __init__(self, act: Callable[[], Any]) -> None:
        self.act = act

    def __del__(self) -> None:
        self.act()


def ended(world: World, task: "weft.Task[Any]") -> None:
    """Check that a task ends and that its scheduler goes on."""
    world.settle([task], cancel=False)
    fresh = weft.spawn(int, "7")
    world.settle([fresh], cancel=False)
    check(fresh.result() == 7, "the next task")


@operation(3, "broken")
def error(world: World, rng: Random, depth: int) -> None:
    """Fail with an error that refuses attributes, or acts when it is looked at."""
    kind = rng.choice([Frozen, Slotted, Touchy, Base])
    raised = kind(5) if kind is Frozen else kind("an error")
    if kind is Touchy:
        raised.act = trouble(rng)

    def work() -> None:
        if rng.random() < 0.5:
            weft.sleep(0)
        raise raised

    task = weft.spawn(work)
    if rng.random() < 0.3:
        task.add_done_callback(lambda _: None)
    ended(world, task)
    if not task.cancelled():
        check(task.exception() is raised, "another error came out", type(task.exception()))


@operation(3, "broken")
def callback(world: World, rng: Random, depth: int) -> None:
    """Add callbacks that act: all are called, once, and the outcome stays."""
    called: list[int] = []
    count = rng.randint(1, 4)
    task = weft.spawn(weft.sleep, 0)

    def add(number: int, act: Callable[[], Any]) -> None:
        def call(_: object) -> None:
            called.append(number)
            act()

        task.add_done_callback(call)

    for number in range(count):
        add(number, trouble(rng))
    ended(world, task)
    world.eventually(lambda: len(called) == count, "callbacks", called, count)
    check(sorted(called) == list(range(count)), "callbacks", called)
    check(task.exception() is None, "a callback changed the outcome", task)


@operation(3, "broken")
def function(world: World, rng: Random, depth: int) -> None:
    """Spawn a callable whose name and looks act, and ask for both."""
    callable_ = Callable_(trouble(rng))
    task = weft.spawn(callable_, Dying(trouble(rng, False)))
    for ask in (repr, lambda one: one.name):
        try:
            ask(task)
        except (Bad, weft.Cancelled):
            pass
    ended(world, task)
    if not task.cancelled():
        check(task.exception() is None, "an error from a name", task)


@operation(3, "broken")
def finalizer(world: World, rng: Random, depth: int) -> None:
    """Drop objects that act: arguments, results, context variables, locals, items of a queue."""

    def work(argument: object) -> object:
        mischief.set(Dying(trouble(rng, False)))
        world.shared.local.dying = Dying(trouble(rng, False))
        if rng.random() < 0.3:
            raise Bad(Dying(trouble(rng, False)))
        return Dying(trouble(rng, False))

    task = weft.spawn(work, Dying(trouble(rng, False)))
    if rng.random() < 0.3:
        task.cancel()
    ended(world, task)
    if not task.cancelled():
        task.exception()
    queue: weft.Queue[object] = weft.Queue()
    queue.put(Dying(trouble(rng, False)))


class Item:
    """An item of a priority queue whose comparison may act."""

    def __init__(self, number: int, act: Callable[[], Any] | None) -> None:
        self.number = number
        self.act = act

    def __lt__(self, other: "Item") -> bool:
        if self.act is not None:
            self.act()
        return self.number < other.number


@operation(3, "broken")
def comparison(world: World, rng: Random, depth: int) -> None:
    """Put items whose comparison acts into a bounded priority queue: none is lost or doubled."""
    queue: weft.PriorityQueue[Item] = weft.PriorityQueue(rng.randint(1, 3))
    items: list[Item] = []
    sent: list[int] = []
    received: list[int] = []

    def produce(first: int) -> None:
        for number in range(first, first + 4):
            act = trouble(rng) if rng.random() < 0.2 else None
            items.append(Item(number, act))
            try:
                queue.put(items[-1], timeout=0.1)
            except (Bad, weft.Cancelled, Full):  # refused, perhaps because nobody can compare
                continue
            sent.append(number)

    def take(wait: bool) -> bool:
        try:
            received.append(queue.get(wait, 0.01 if wait else None).number)
        except (Bad, weft.Cancelled):
            return True
        except Exception:
            return False
        return True

    tasks = [weft.spawn(produce, 10 * number) for number in range(rng.randint(1, 3))]
    for _ in range(40):
        if not take(True) and all(task.done() for task in tasks):
            break
    world.settle(tasks, cancel=False)
    for item in items:  # one that always raises could stay in the way of the others
        item.act = None
    while queue.qsize():
        check(take(False), "a priority queue says that it has items", queue.qsize())
    check(sorted(sent) == sorted(received), "a priority queue", sorted(sent), sorted(received))


@operation(2, "broken")
def descriptor(world: World, rng: Random, depth: int) -> None:
    """Wait for an object whose ``fileno()`` acts, or is no number."""

    class Odd:
        def fileno(self) -> Any:
            act()
            return answer

    act, answer = trouble(rng), rng.choice([-1, None, "3", 2**70, 1.5])
    for call in (weft.wait_readable, weft.wait_writable, weft.readable):
        try:
            case = call(Odd())
            weft.select(case, timeout=0)
            check(False, "waited for nothing", answer)
        except (Bad, TypeError, ValueError, OSError, OverflowError, TimeoutError):
            pass


@operation(1, "broken")
def arguments(world: World, rng: Random, depth: int) -> None:
    """Pass what is no task, no callable, no case: an error of the ordinary kind."""
    odd = rng.choice([None, 7, "x", object(), Dying(trouble(rng, False)), weft.Task])
    for call in (weft.spawn, weft.select, lambda one: weft.joinall([one]), weft.offload, weft.sending):
        try:
            outcome = call(odd)
        except (TypeError, ValueError, AttributeError, Bad):
            continue
        if call is weft.spawn:
            world.settle([outcome])


@operation(1, "broken")
def group(world: World, rng: Random, depth: int) -> None:
    """Fail in a group with errors that act; the group ends and names them."""

    def work() -> None:
        weft.sleep(0)
        raised = rng.choice([Frozen, Slotted])(1)
        raise raised

    members: list[weft.Task[None]] = []
    try:
        with weft.TaskGroup() as private:
            members += [private.spawn(work) for _ in range(rng.randint(1, 3))]
    except BaseExceptionGroup as error:
        check(error.split((Frozen, Slotted))[1] is None, "another error in a group", error)
    check(all(task.done() for task in members), "a group left a task behind")
