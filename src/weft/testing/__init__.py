"""Aids for testing what uses weft: a clock that jumps, orders that nobody thought of, sockets that misbehave, leaks that are found.

    with weft.testing.virtual_clock():            # an hour of sleeps in milliseconds
    weft.testing.explore(scenario, seeds=100)     # the tasks of `scenario` in a hundred orders
    here, there = weft.testing.socketpair(delay=0.1)
    weft.testing.cancel_everywhere(make)          # cancelled at each of its waits, in turn
    with weft.testing.no_leaks():

The pytest plugin (``@pytest.mark.weft(clock="virtual", seeds=20, leaks=True)``) does the same for a whole test.
"""

from weft.testing.clock import VirtualClock, virtual_clock
from weft.testing.leaks import LeakError, no_leaks
from weft.testing.orders import explore, shuffled
from weft.testing.sockets import Link, MemorySocket, Network, datagrams, socketpair
from weft.testing.sweep import cancel_everywhere

__all__ = [
    "LeakError",
    "Link",
    "MemorySocket",
    "Network",
    "VirtualClock",
    "cancel_everywhere",
    "datagrams",
    "explore",
    "no_leaks",
    "shuffled",
    "socketpair",
    "virtual_clock",
]
