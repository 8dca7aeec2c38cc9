# cython: language_level=3
"""What the scheduler calls and does not know: those who stand above it tell it here."""

main_type = find_deadlock = others_run = None
cdef object loop_setter = None


def set_main_type(kind):
    """What the main fiber of a thread is made of."""
    global main_type
    main_type = kind


def set_deadlock_finder(find, others):
    """Who is asked before the main thread waits for nothing at all: ``find(scheduler)`` returns an error for its main fiber, or None.

    ``others()`` says whether other threads may wake somebody.
    """
    global find_deadlock, others_run
    find_deadlock = find
    others_run = others


def set_loop_setter(setter):
    """Who tells asyncio which event loop runs: ``setter(loop)``, a function of C that runs no Python code."""
    global loop_setter
    loop_setter = setter


cdef void set_loop(object loop) noexcept:
    """Tell asyncio which event loop runs now: each fiber has its own."""
    loop_setter(loop)
