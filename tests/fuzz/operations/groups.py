"""Task groups, scopes, shields and timeouts, nested in each other."""

from random import Random

import weft

from ..world import DEPTH, Bad, World, check
from . import operation


def only_bad(error: BaseException) -> bool:
    """Return True if nothing but Bad is in a group of errors."""
    return isinstance(error, BaseExceptionGroup) and error.split(Bad)[1] is None


@operation(5)
def group(world: World, rng: Random, depth: int) -> None:
    """Run tasks of a group that do operations, under a time limit: all have ended after it."""
    if depth >= DEPTH:
        return
    members: list[weft.Task[None]] = []
    try:
        with weft.move_on_after(rng.random() * 0.03), weft.TaskGroup() as private:
            for _ in range(rng.randint(1, 4)):
                own = Random(rng.random())
                task = private.spawn(world.body, own, depth + 1, rng.randint(1, 4))
                members.append(task)
            if rng.random() < 0.2:
                private.cancel()
    except BaseExceptionGroup as error:
        if not only_bad(error) and not world.tolerated(error.split(Bad)[1]):
            raise
    finally:
        check(all(task.done() for task in members), "a group left a task behind", members)


@operation(2)
def shielded(world: World, rng: Random, depth: int) -> None:
    """Wait in a shield: a cancellation comes after it, not in it."""
    with weft.CancelScope(shield=True):
        weft.sleep(rng.random() * 0.003)


@operation(2)
def shielded_group(world: World, rng: Random, depth: int) -> None:
    """Cancel a group whose members are shielded: each finishes its shield before the group ends."""
    inside: list[int] = []
    finished: list[int] = []

    def member(number: int) -> None:
        with weft.CancelScope(shield=True):
            inside.append(number)
            weft.sleep(rng.random() * 0.003)
            finished.append(number)
        weft.sleep(3600)

    with weft.move_on_after(rng.random() * 0.004), weft.TaskGroup() as private:
        for number in range(rng.randint(1, 4)):
            private.spawn(member, number)
        if rng.random() < 0.5:
            weft.sleep(0)
            private.cancel()
    check(sorted(inside) == sorted(finished), "a shield was broken", inside, finished)


@operation(3)
def timeout(world: World, rng: Random, depth: int) -> None:
    """Be late, or not; the error comes if and only if the scope expired."""
    scope = weft.timeout(rng.random() * 0.003)
    try:
        with scope:
            weft.sleep(rng.random() * 0.003)
    except TimeoutError:
        check(scope.expired, "TimeoutError of a scope that did not expire")


@operation(2)
def moved_deadline(world: World, rng: Random, depth: int) -> None:
    """Move a deadline, and cancel scopes from outside, while the task waits in them."""
    scopes: list[weft.CancelScope] = []

    def wait() -> None:
        with weft.move_on_after(rng.random() * 0.01) as outer:
            scopes.append(outer)
            with weft.CancelScope(shield=rng.random() < 0.3) as inner:
                scopes.append(inner)
                weft.sleep(rng.random() * 0.01)

    task = weft.spawn(wait)
    try:
        weft.sleep(0)
        for scope in scopes:
            choice = rng.random()
            if choice < 0.3:
                scope.cancel()
            elif choice < 0.7:
                scope.deadline += rng.choice([-1, -0.001, 0.001, 1])
            else:
                scope.shield = not scope.shield
            if rng.random() < 0.3:
                weft.sleep(0)
    finally:
        world.settle([task], cancel=rng.random() < 0.5)


@operation(2)
def map_(world: World, rng: Random, depth: int) -> None:
    """Map in order, and perhaps leave early."""

    def square(value: int) -> int:
        weft.sleep(0 if rng.random() < 0.7 else rng.random() * 0.001)
        return value * value

    results = []
    for value in weft.map(square, range(20), concurrency=rng.randint(1, 8), ordered=True):
        results.append(value)
        if rng.random() < 0.05:
            break
    check(results == [value * value for value in range(len(results))], "map", results)


@operation(2)
def gather(world: World, rng: Random, depth: int) -> None:
    """Gather, take the first, or the first few."""
    count = rng.randint(1, 5)

    def call(number: int) -> int:
        weft.sleep(rng.random() * 0.001)
        if rng.random() < 0.1:
            raise Bad(number)
        return number

    calls = [lambda number=number: call(number) for number in range(count)]
    try:
        if rng.random() < 0.5:
            check(weft.gather(*calls, limit=rng.choice([None, 1, 2])) == list(range(count)), "gather")
        else:
            wanted = rng.randint(1, count)
            got = weft.first_n(wanted, *calls)
            check(len(set(got)) == wanted, "first_n", got)
    except BaseExceptionGroup as error:
        if not only_bad(error):
            raise


@operation(1)
def pool(world: World, rng: Random, depth: int) -> None:
    """Run jobs in a pool, and leave it with some unfinished."""
    with weft.Executor(rng.randint(1, 3)) as executor:
        jobs = [executor.submit(divmod, number, 3) for number in range(rng.randint(1, 6))]
        if rng.random() < 0.3:
            jobs[-1].cancel()
        for number, job in enumerate(jobs[:-1]):
            check(job.result() == divmod(number, 3), "an executor's result", job)
