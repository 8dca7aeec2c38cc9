# cython: language_level=3, boundscheck=False, wraparound=False
"""A link in a fiber's chain of cancel scopes: what the scheduler must know of one. ``cancellation`` makes it a context manager.

Invariants:
- A scope is in the chain of at most one fiber, between its ``__enter__`` and its ``__exit__``; ``outer`` is the one that it was entered in.
- A scope that is cancelled stays so.
- A deadline costs no timer: a fiber that parks sets its one timer to the earliest deadline that concerns it.
"""


cdef class Scope:
    """A limit in time (seconds of the monotonic clock), whether it was cancelled, whether that was by its limit, and whether it hides what is outside."""
