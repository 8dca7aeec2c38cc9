"""``weft.spawn_later``: a task that begins after a while, and may be taken back before."""

import contextvars
import gc
import os
import threading
import weakref
from concurrent.futures import CancelledError
from queue import SimpleQueue

import pytest

import weft
from weft.testing import virtual_clock


def test_it_begins_when_its_time_has_come() -> None:
    begun: list[float] = []
    with virtual_clock() as clock:
        tasks = [weft.spawn_later(seconds, lambda: begun.append(clock.elapsed)) for seconds in (30, 10, 20)]
        weft.sleep(5)
        assert begun == []
        assert not tasks[0].running()
        weft.joinall(tasks)
    assert begun == [10, 20, 30]


def test_arguments_and_result() -> None:
    def add(first: int, *, second: int) -> int:
        return first + second

    assert weft.spawn_later(0.001, add, 1, second=2).result() == 3
    assert weft.spawn_later(0, add, 1, second=3).result() == 4


def test_it_has_the_context_of_its_spawner() -> None:
    variable = contextvars.ContextVar("variable", default="none")
    variable.set("spawner's")
    task = weft.spawn_later(0.001, variable.get)
    variable.set("later")
    assert task.result() == "spawner's"


def test_taken_back_it_never_begins_and_drops_what_it_held() -> None:
    class Held:
        def __call__(self) -> None:
            raise AssertionError("it began")

    held = Held()
    gone = weakref.ref(held)
    task = weft.spawn_later(3600, held)
    del held
    assert task.cancel()
    gc.collect()
    assert gone() is None
    assert task.done()
    assert task.cancelled()
    assert not task.cancel()
    assert "Held" in task.name
    with pytest.raises(CancelledError):
        task.result()


def test_who_waits_for_it_hears_that_it_was_taken_back() -> None:
    task = weft.spawn_later(3600, print)
    heard: list[bool] = []
    task.add_done_callback(lambda ended: heard.append(ended.cancelled()))
    joiner = weft.spawn(task.join)
    weft.sleep(0)
    task.cancel()
    assert joiner.result()
    assert heard == [True]


def test_another_thread_takes_it_back() -> None:
    task = weft.spawn_later(3600, print)
    thread = threading.Thread(target=task.cancel)
    thread.start()
    assert task.join(10)
    thread.join()
    assert task.cancelled()


def test_words_that_it_does_not_take() -> None:
    with pytest.raises(TypeError, match="seconds"):
        weft.spawn_later(1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="callable"):
        weft.spawn_later(1, 2)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="negative"):
        weft.spawn_later(-1, print)
    with pytest.raises(ValueError, match="negative"):
        weft.spawn_later(float("nan"), print)


def test_memory_stays_flat() -> None:
    for _ in range(3):
        tasks = [weft.spawn_later(60, print) for _ in range(1000)]
        for task in tasks:
            task.cancel()
    ended = weakref.WeakSet(weft.spawn_later(60, print) for _ in range(10))
    for task in list(ended):
        task.cancel()
    del task
    assert not ended


def test_two_threads_may_cancel_it() -> None:
    task = weft.spawn_later(60, print, "never")
    thread = threading.Thread(target=task.cancel)
    thread.start()
    thread.join()
    assert task.cancel()
    weft.sleep(0.01)
    assert task.cancelled()
    assert not task.cancel()
    assert weft.spawn(lambda: 1).result() == 1


def test_a_finalizer_of_what_is_taken_back_may_do_anything_to_it() -> None:
    seen: list[bool] = []

    class Argument:
        def __del__(self) -> None:
            seen.append(task.cancel())
            task.add_done_callback(lambda ended: seen.append(ended.cancelled()))
            weft.sleep(0)

    task = weft.spawn_later(60, print, Argument())
    assert task.cancel()
    assert seen == [False, True]
    assert task.cancelled()


def test_a_thread_that_cancels_makes_no_scheduler_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # While it made one, the task ended by another cancel, and was then queued although it had.
    ran: list[int] = []
    make_pipe, steps, go_on = os.pipe, SimpleQueue[str](), SimpleQueue[str]()

    def slow_pipe() -> tuple[int, int]:
        if threading.get_ident() == thread.ident:
            steps.put("makes a scheduler")
            go_on.get()
        return make_pipe()

    def cancel() -> None:
        task.cancel()
        steps.put("has cancelled")

    task = weft.spawn_later(3600, ran.append, 1)
    thread = threading.Thread(target=cancel)
    monkeypatch.setattr(os, "pipe", slow_pipe)
    thread.start()
    step = steps.get()
    task.cancel()
    go_on.put("")
    thread.join()
    weft.sleep(0)
    assert step == "has cancelled"
    assert task.join(10)
    assert task.cancelled()
    assert not ran
