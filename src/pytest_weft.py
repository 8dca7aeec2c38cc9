"""The pytest plugin: ``@pytest.mark.weft(clock="virtual", seeds=20, leaks=True)``, ``--weft-leaks`` and ``--weft-seeds``.

pytest loads it by its entry point wherever weft is installed: so it stands outside of weft, and imports it only for a test that asks.
"""

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from weft.testing.clock import VirtualClock

OPTIONS = {"clock", "leaks", "seeds"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """The command line's part."""
    group = parser.getgroup("weft")
    group.addoption("--weft-leaks", action="store_true", help="fail each test that leaves tasks or descriptors behind")
    group.addoption(
        "--weft-seeds",
        type=int,
        default=0,
        metavar="N",
        help="run each test marked weft in N orders (WEFT_SEED=n: that one alone)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        "weft(clock='virtual', seeds=N, leaks=True): run with a clock that jumps, in N orders of the tasks, and look for leaks",
    )


@pytest.fixture
def virtual_clock() -> "Iterator[VirtualClock]":
    """A clock that stands still while a task can run, and jumps when all are parked."""
    from weft.testing.clock import virtual_clock as clock

    with clock() as running:
        yield running


def wishes(item: pytest.Item) -> dict[str, Any] | None:
    """What the test's markers ask for; None if it has none."""
    found: dict[str, Any] = {}
    markers = list(item.iter_markers("weft"))
    for marker in reversed(markers):
        unknown = set(marker.kwargs) - OPTIONS
        if marker.args or unknown:
            raise pytest.UsageError(f"{item.nodeid}: the marker weft takes {', '.join(sorted(OPTIONS))}, not {marker.args or unknown}")
        found |= marker.kwargs
    return found if markers else None


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Run a test as its marker says."""
    wished = wishes(pyfuncitem)
    leaks = pyfuncitem.config.getoption("--weft-leaks")
    if wished is None and not leaks:
        return (yield)
    from contextlib import ExitStack

    from weft.testing import no_leaks, shuffled, virtual_clock
    from weft.testing.orders import seeds_of

    wished = wished or {}
    seeds = wished.get("seeds", 0) or (pyfuncitem.config.getoption("--weft-seeds") if wished else 0)

    def surrounded(seed: int | None) -> ExitStack:
        stack = ExitStack()
        if wished.get("leaks", leaks):
            stack.enter_context(no_leaks())
        if wished.get("clock") == "virtual":
            stack.enter_context(virtual_clock())
        if seed is not None:
            stack.enter_context(shuffled(seed))
        return stack

    first, *rest = list(seeds_of(seeds)) if seeds else [None]
    names = pyfuncitem._fixtureinfo.argnames
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    for seed in rest:  # the last one is pytest's own call
        with surrounded(seed):
            pyfuncitem.obj(**arguments)
    with surrounded(first):
        return (yield)
