"""Iterators from plain code: they behave as generators do, at any depth of calls."""

import contextvars
import gc
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

import weft


def walk(depth: int) -> None:
    if depth:
        walk(depth - 1)
        weft.emit(depth)
        walk(depth - 1)


@weft.iterator
def ruler(depth: int) -> str:
    walk(depth)
    return "end"


def plain(depth: int) -> Iterator[int]:
    if depth:
        yield from plain(depth - 1)
        yield depth
        yield from plain(depth - 1)


@given(some.integers(0, 6))
def test_it_gives_what_a_generator_would(depth: int) -> None:
    assert list(ruler(depth)) == list(plain(depth))


def test_nothing_runs_before_the_first_item() -> None:
    begun = []

    @weft.iterator
    def numbers() -> None:
        begun.append(True)
        weft.emit(1)

    items = numbers()
    assert begun == []
    assert (next(items), begun) == (1, [True])
    with pytest.raises(StopIteration):
        next(items)
    with pytest.raises(StopIteration):
        next(items)


def test_the_value_of_its_end_and_send_and_throw() -> None:
    @weft.iterator
    def echo() -> str:
        told = weft.emit("ready")
        while told != "stop":
            try:
                told = weft.emit(told)
            except KeyError as error:
                told = f"caught {error}"
        return "ended"

    items = echo()
    with pytest.raises(TypeError, match="not begun"):
        items.send(1)
    assert next(items) == "ready"
    assert items.send(5) == 5
    assert items.throw(KeyError("x")) == "caught 'x'"
    with pytest.raises(StopIteration) as end:
        items.send("stop")
    assert end.value.value == "ended"
    with pytest.raises(KeyError):
        items.throw(KeyError())
    with pytest.raises(KeyError):
        echo().throw(KeyError())


@pytest.mark.parametrize("leave", ["break", "close", "with", "drop", "error"])
def test_its_clean_up_runs_at_once(leave: str) -> None:
    cleaned = []

    @weft.iterator
    def numbers() -> None:
        try:
            weft.emit(1)
            weft.emit(2)
        finally:
            cleaned.append(True)

    if leave == "break":
        for _ in numbers():
            break
    elif leave == "close":
        items = numbers()
        next(items)
        items.close()
        items.close()
    elif leave == "with":
        with numbers() as items:
            next(items)
    elif leave == "drop":
        items = numbers()
        next(items)
        del items
    else:
        with pytest.raises(KeyError), numbers() as items:
            raise KeyError(next(items))
    assert cleaned == [True]


def test_an_iterator_that_will_not_end() -> None:
    @weft.iterator
    def stubborn() -> None:
        while True:
            try:
                weft.emit(1)
            except GeneratorExit:
                pass

    items = stubborn()
    next(items)
    with pytest.raises(RuntimeError, match="told to end"):
        items.close()
    items._stack = None


def test_errors_reach_the_caller() -> None:
    @weft.iterator
    def failing() -> None:
        weft.emit(1)
        raise KeyError("failed")

    items = failing()
    assert next(items) == 1
    with pytest.raises(KeyError, match="failed"):
        next(items)
    assert list(items) == []

    @weft.iterator
    def stopping() -> None:
        raise StopIteration

    with pytest.raises(RuntimeError, match="StopIteration"):
        next(stopping())
    with pytest.raises(RuntimeError, match="emit"):
        weft.emit(1)


def test_it_may_wait_and_go_on_in_another_task() -> None:
    @weft.iterator
    def slow() -> None:
        for number in range(4):
            weft.sleep(0)
            weft.emit(number)

    items = slow()
    assert [weft.spawn(next, items).result() for _ in range(4)] == [0, 1, 2, 3]
    tasks = [weft.spawn(list, slow()) for _ in range(10)]
    assert [task.result() for task in tasks] == [[0, 1, 2, 3]] * 10
    shared = slow()
    first = weft.spawn(next, shared)
    weft.sleep(0)
    with pytest.raises(ValueError, match="already executing"):
        next(shared)
    assert first.result() == 0


def test_iterators_in_iterators() -> None:
    @weft.iterator
    def tens(depth: int) -> None:
        for item in ruler(depth):
            weft.emit(item * 10)

    assert list(tens(3)) == [10, 20, 10, 30, 10, 20, 10]


def test_its_scopes_are_its_own() -> None:
    @weft.iterator
    def patient() -> None:
        with weft.move_on_after(0.02) as scope:
            weft.emit("inside")
            weft.sleep(60)
        weft.emit(scope.cancelled_caught)

    items = patient()
    with weft.CancelScope() as outer:
        assert next(items) == "inside"
    weft.sleep(0.04)  # the deadline passes, and does not concern this code
    with weft.CancelScope():
        assert next(items) is True
    assert not outer.cancel_called

    def cancelled() -> None:
        with weft.timeout(0.01):
            next(patient_without_end())

    @weft.iterator
    def patient_without_end() -> None:
        weft.sleep(60)

    with pytest.raises(TimeoutError):
        cancelled()


@pytest.mark.parametrize("end", ["return", "close", "error"])
def test_a_scope_that_it_leaves_open_does_not_stay_with_its_consumer(end: str) -> None:
    @weft.iterator
    def careless() -> None:
        weft.CancelScope().__enter__()
        weft.emit(1)
        weft.CancelScope().__enter__()
        if end == "error":
            raise LookupError

    with weft.CancelScope():  # it is left in order: nothing lies inside
        items = careless()
        assert next(items) == 1
        if end == "close":
            items.close()
        elif end == "error":
            with pytest.raises(LookupError):
                next(items)
        else:
            assert list(items) == []


def test_it_has_a_copy_of_the_context() -> None:
    variable = contextvars.ContextVar("variable", default=0)

    @weft.iterator
    def values() -> None:
        weft.emit(variable.get())
        variable.set(9)
        weft.emit(variable.get())

    variable.set(5)
    assert list(values()) == [5, 9]
    assert variable.get() == 5


SCOPED = """
import greenlet, sys, weft
ended = []

@weft.iterator
def numbers():
    try:
        with weft.move_on_after(60):
            weft.emit(1)
            weft.emit(2)
    finally:
        ended.append(True)

def begun():
    items = numbers()
    next(items)
    return items
"""


def test_dropped_by_another_thread_it_harms_nobody(run_python: Callable[..., Any]) -> None:
    done = run_python(
        """
import gc, greenlet, threading, weft
@weft.iterator
def numbers():
    try:
        weft.emit(1)
    finally:
        print("cleaned", threading.current_thread() is threading.main_thread())
holder = [numbers()]
next(holder[0])
thread = threading.Thread(target=holder.clear)
thread.start(); thread.join(); gc.collect()
greenlet.getcurrent()  # when it is asked for something here, greenlet ends what was dropped elsewhere
print("alive")
"""
    )
    assert (done.stdout, done.stderr) == ("cleaned True\nalive\n", "")
    assert threading.active_count() >= 1


def test_a_task_that_returns_an_iterator_in_a_scope_does_not_keep_it(run_python: Callable[..., Any]) -> None:
    done = run_python(
        SCOPED
        + """
print(weft.spawn(begun).result().__class__.__name__, *ended)
"""
    )
    assert (done.stdout, done.stderr) == ("Emitter True\n", "")


@pytest.mark.parametrize("patch", [False, True])
@pytest.mark.parametrize("where", ["a task", "a thread"])
def test_dropped_elsewhere_it_leaves_its_scopes_in_order(run_python: Callable[..., Any], where: str, patch: bool) -> None:
    done = run_python(
        ("from weft import monkey; monkey.patch_all()\n" if patch else "")
        + SCOPED
        + """
from weft import native
holder = []
if sys.argv[1] == "a task":
    weft.spawn(lambda: holder.append(begun())).result()
    holder.clear()
else:
    holder.append(begun())
    lock = native.allocate_lock()
    lock.acquire()
    native.start_new_thread(lambda: (holder.clear(), lock.release()), ())
    lock.acquire()
    greenlet.getcurrent()  # greenlet ends what was dropped elsewhere
print("alive", *ended)
""",
        where,
    )
    assert (done.stdout, done.stderr) == ("alive True\n", "")


def test_a_scope_that_an_iterator_is_suspended_in_can_be_cancelled() -> None:
    scopes: list[weft.CancelScope] = []

    @weft.iterator
    def numbers() -> None:
        with weft.CancelScope() as scope:
            scopes.append(scope)
            weft.emit(1)
            weft.sleep(60)
        weft.emit(scope.cancelled_caught)

    items = numbers()
    assert next(items) == 1
    assert "active" in repr(scopes[0])
    with pytest.raises(RuntimeError, match="reverse order"):
        scopes[0].__exit__(None, None, None)
    scopes[0].cancel()
    assert next(items) is True


@pytest.mark.slow
def test_a_hundred_thousand_iterators_leave_nothing() -> None:
    import resource

    def run(count: int) -> int:
        for _ in range(count):
            next(ruler(2))
        gc.collect()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB

    before = run(1_000)
    assert run(100_000) < before + 2_000
