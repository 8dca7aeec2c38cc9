"""A scheduler that tries other orders: random ones, which a seed makes come again."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from weft._core.choice import set_turn
from weft._core.schedulers import set_seed

__all__ = ["SEED", "explore", "shuffled"]

SEED = "WEFT_SEED"


@contextmanager
def shuffled(seed: int) -> Iterator[None]:
    """Let the tasks of this thread run in a random order in a block: the same order each time for the same `seed` (1 or more)."""
    if seed < 1:
        raise ValueError(f"seed is {seed}; it must be at least 1")
    set_seed(seed)
    set_turn(seed)
    try:
        yield
    except BaseException as error:
        error.add_note(f"the tasks ran in the order of seed {seed}; {SEED}={seed} runs that one alone")
        raise
    finally:
        set_seed(0)


def seeds_of(wanted: int | Iterable[int]) -> Iterable[int]:
    """The seeds to try: the one of the environment, if there is one."""
    if os.environ.get(SEED):
        return [int(os.environ[SEED])]
    return range(1, wanted + 1) if isinstance(wanted, int) else wanted


def explore(scenario: Callable[[], object], seeds: int | Iterable[int] = 100) -> None:
    """Call `scenario` once for each of `seeds` (a number: 1 to that), its tasks in another order each time.

    The exception of the first that fails is raised, with a note that names its seed; ``WEFT_SEED=n`` in the environment runs it alone.
    """
    for seed in seeds_of(seeds):
        with shuffled(seed):
            scenario()
