# cython: language_level=3
"""What the scheduler calls and does not know: those who stand above it tell it here."""

main_type = empty_task = find_deadlock = others_run = threads_left = forget_locals = set_heir = begin_child = None
cdef object loop_setter = None
cdef object task_swapper = None


def set_task_types(main, empty):
    """Say who makes the main fiber of a thread, ``main()``, and a task that does nothing, ``empty(scheduler)``."""
    global main_type, empty_task
    main_type = main
    empty_task = empty


def set_deadlock_finder(find, others, left):
    """Who is asked before the main thread waits for nothing at all: ``find(scheduler)`` returns an error for its main fiber, or None.

    ``others()`` says, cheaply, whether other threads may wake somebody; ``left()`` counts those too that have never run Python.
    """
    global find_deadlock, others_run, threads_left
    find_deadlock = find
    others_run = others
    threads_left = left


def set_locals_dropper(drop):
    """Who drops what a fiber that ends has in locals: ``drop(fiber)``."""
    global forget_locals
    forget_locals = drop


def set_heir_setter(setter):
    """Who is told, in a forked child, by which fiber's end the process ends: ``setter(fiber)``."""
    global set_heir
    set_heir = setter


def set_child_beginner(begin):
    """Who is asked before a fiber waits in the middle of a fork: ``begin()`` sets a child up."""
    global begin_child
    begin_child = begin


def set_loop_setter(setter, swapper):
    """Set the functions that tell asyncio which event loop runs, ``setter(loop)``, and which of its tasks.

    ``swapper(loop, task)`` returns the task before; None where asyncio keeps it by its loop. Both are written in C and run no Python code.
    """
    global loop_setter, task_swapper
    loop_setter = setter
    task_swapper = swapper


cdef object leave_loop(object loop):
    """Tell asyncio that no loop runs while another fiber does. Return the task of `loop` that ran, or None."""
    cdef object task = None
    try:
        if task_swapper is not None:
            task = task_swapper(loop, None)
    except RuntimeError:  # somebody told asyncio of another loop
        pass
    loop_setter(None)
    return task


cdef void enter_loop(object loop, object task) noexcept:
    """Tell asyncio that `loop` runs again, and `task` in it."""
    loop_setter(loop)
    if task is not None:
        task_swapper(loop, task)
