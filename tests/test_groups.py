"""Task groups: no task outlives its block, no failure is lost."""

import subprocess
import textwrap
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as some

import weft
import weft.native

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def later(value: int, seconds: float = 0) -> int:
    weft.sleep(seconds)
    return value


def fail(error: BaseException, seconds: float = 0) -> None:
    weft.sleep(seconds)
    raise error


def test_the_block_ends_with_its_last_task_and_has_the_results_in_order() -> None:
    with weft.TaskGroup() as group:
        for value in range(5):
            group.spawn(later, value, (5 - value) / 1000)
        group.spawn(weft.sleep, 0)
    assert group.results == [0, 1, 2, 3, 4, None]


def test_the_first_failure_cancels_the_rest() -> None:
    with pytest.raises(ExceptionGroup) as caught, weft.TaskGroup() as group:
        waiting = group.spawn(weft.sleep, 60)
        group.spawn(fail, KeyError("first"))
        weft.sleep(60)
    assert [repr(error) for error in caught.value.exceptions] == ["KeyError('first')"]
    assert waiting.cancelled()


def test_every_failure_is_reported() -> None:
    def fail_when_cancelled() -> None:
        try:
            weft.sleep(60)
        finally:
            raise OSError("while it was cancelled")

    with pytest.raises(ExceptionGroup) as caught, weft.TaskGroup() as group:
        group.spawn(fail_when_cancelled)
        weft.sleep(0)
        raise ValueError("of the body")
    assert [str(error) for error in caught.value.exceptions] == ["of the body", "while it was cancelled"]
    assert [type(error) for error in caught.value.exceptions] == [ValueError, OSError]


def test_except_star_and_nesting() -> None:
    seen = []
    try:
        with weft.TaskGroup() as outer:
            bystander = outer.spawn(weft.sleep, 60)
            with weft.TaskGroup() as inner:
                inner.spawn(fail, KeyError(1))
    except* KeyError as group:
        seen = [leaf for level in group.exceptions for leaf in level.exceptions]  # type: ignore[union-attr]
    assert [repr(error) for error in seen] == ["KeyError(1)"]
    assert bystander.cancelled()


def test_a_group_can_be_cancelled_from_anywhere() -> None:
    for start in (weft.spawn, lambda cancel: weft.native.start_new_thread(cancel, ())):
        with weft.TaskGroup() as group:
            task = group.spawn(weft.sleep, 60)
            start(group.cancel)
            weft.sleep(60)
        assert task.cancelled()
        assert group.cancel_scope.cancelled_caught
    with weft.TaskGroup() as group:
        group.cancel()
        assert group.spawn(fail, KeyError("never begun")).join()


def test_a_timeout_around_a_group_ends_its_tasks() -> None:
    left = []

    def work() -> None:
        try:
            weft.sleep(60)
        finally:
            with weft.CancelScope(shield=True):
                weft.sleep(0.01)
            left.append(True)

    with pytest.raises(TimeoutError), weft.timeout(0.01), weft.TaskGroup() as group:
        for _ in range(3):
            group.spawn(work)
    assert left == [True] * 3


def test_a_task_may_add_to_its_group_until_the_end() -> None:
    def grow(depth: int) -> int:
        weft.sleep(0)
        if depth:
            group.spawn(grow, depth - 1)
        return depth

    with weft.TaskGroup() as group:
        group.spawn(grow, 20)
    assert group.results == list(range(20, -1, -1))
    with pytest.raises(RuntimeError, match="closed"):
        group.spawn(grow, 0)
    with pytest.raises(RuntimeError, match="once"), group:
        pass
    with pytest.raises(RuntimeError, match="new"):
        weft.TaskGroup().spawn(grow, 0)


@given(some.integers(1, 5), some.lists(some.integers(0, 3), max_size=20))
def test_no_more_than_the_limit_run_at_a_time(limit: int, turns: list[int]) -> None:
    running = most = 0

    def work(turns: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(turns):
            weft.sleep(0)
        running -= 1

    with weft.TaskGroup(limit=limit) as group:
        for turn in turns:
            group.spawn(work, turn)
    assert most <= limit
    if all(turns):
        assert most == min(limit, len(turns))
    assert running == 0


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        weft.TaskGroup(limit=0)


def test_waiting_for_room_can_be_abandoned() -> None:
    with weft.TaskGroup(limit=1) as group:
        group.spawn(later, 1, 0.03)
        with pytest.raises(TimeoutError), weft.timeout(0.001):
            group.spawn(later, 2)
        group.spawn(later, 3)
    assert group.results == [1, 3]


@given(some.integers(0, 30), some.sampled_from(["body", "task", "group"]))
def test_cancelled_at_any_turn_nothing_is_left(turns: int, what: str) -> None:
    alive = 0

    def work(depth: int) -> None:
        nonlocal alive
        alive += 1
        try:
            with weft.TaskGroup(limit=2) as group:
                for _ in range(depth):
                    group.spawn(work, depth - 1)
                weft.sleep(0)
        finally:
            alive -= 1

    def run() -> None:
        nonlocal group
        with weft.TaskGroup() as group:
            group.spawn(work, 3)
            work(2)

    group = weft.TaskGroup()
    task = weft.spawn(run)
    for _ in range(turns):
        weft.sleep(0)
    if what == "group":
        group.cancel()
    elif what == "task":
        task.cancel()
    else:
        group.cancel_scope.cancel()
        group.cancel()
    task.join()
    assert alive == 0


def test_another_thread_may_add_to_it() -> None:
    import threading

    here = threading.get_ident()
    added = weft.Event()

    def add() -> None:
        for _ in range(10):
            group.spawn(lambda: (weft.sleep(0), threading.get_ident())[1])
        added.set()

    with weft.TaskGroup() as group:
        weft.native.start_new_thread(add, ())
        added.wait()
    assert group.results == [here] * 10


def test_results_of_none_cost_nothing() -> None:
    with weft.TaskGroup(limit=10) as group:
        for _ in range(1000):
            group.spawn(weft.sleep, 0)
    assert group.results == [None] * 1000
    assert group._values == {}
    assert group._live == {}


def test_ctrl_c_ends_the_tasks_and_stays_what_it_is(run_python: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = run_python(
        """
import _thread, os, signal, weft
def work():
    try: weft.sleep(60)
    except weft.Cancelled: print("cancelled"); raise
try:
    with weft.TaskGroup() as group:
        group.spawn(work)
        weft.spawn(os.kill, os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""
    )
    assert (done.stdout, done.stderr) == ("cancelled\ninterrupted\n", "")


def test_gather() -> None:
    assert weft.gather(lambda: later(1, 0.01), lambda: later(2)) == [1, 2]
    assert weft.gather() == []
    error = KeyError("kept")
    assert weft.gather(lambda: fail(error), lambda: later(2), return_exceptions=True) == [error, 2]
    with pytest.raises(ExceptionGroup):
        weft.gather(lambda: fail(error), lambda: later(2, 60), limit=2)


def test_the_first_success_wins() -> None:
    assert weft.first(lambda: fail(KeyError()), lambda: later(2, 60), lambda: later(3)) == 3
    assert weft.first_n(2, lambda: later(1, 0.03), lambda: later(2, 60), lambda: later(3)) == [3, 1]
    assert weft.first_n(0) == []
    with pytest.raises(ExceptionGroup) as caught:
        weft.first(lambda: fail(KeyError(1), 0.01), lambda: fail(KeyError(2)))
    assert [repr(error) for error in caught.value.exceptions] == ["KeyError(2)", "KeyError(1)"]
    with pytest.raises(ExceptionGroup):
        weft.first_n(2, lambda: later(1, 60), lambda: fail(KeyError(2)))
    with pytest.raises(ValueError, match="first 2 of 1"):
        weft.first_n(2, lambda: 1)


@pytest.mark.parametrize("body", ["pass", "raise ValueError"])
def test_a_deadlock_gets_out_of_a_group_whose_task_shields_itself(run_python: Run, body: str) -> None:
    program = f"""
    import weft

    def stuck():
        with weft.CancelScope(shield=True):
            weft.Event().wait()

    try:
        with weft.TaskGroup() as group:
            group.spawn(stuck)
            weft.sleep(0)
            {body}
    except weft.DeadlockError as error:
        print("stuck" in str(error))
    """
    assert run_python(program).stdout == "True\n"


def test_a_second_ctrl_c_gets_out_of_a_group_at_once(run_python: Run) -> None:
    program = """
    import os, signal
    import weft

    def stuck():
        with weft.CancelScope(shield=True):
            for _ in range(2):
                weft.spawn(os.kill, os.getpid(), signal.SIGINT)
                weft.sleep(0.1)
            weft.sleep(3600)

    with weft.testing.virtual_clock() as clock:
        try:
            with weft.TaskGroup() as group:
                group.spawn(stuck)
        except KeyboardInterrupt:
            print(clock.elapsed)
    """
    assert run_python("import weft.testing\n" + textwrap.dedent(program)).stdout == "0.1\n"


def test_after_ctrl_c_a_task_that_shields_itself_is_left_behind_after_a_while(run_python: Run) -> None:
    program = """
    import os, signal
    import weft

    def stuck():
        with weft.CancelScope(shield=True):
            weft.spawn(os.kill, os.getpid(), signal.SIGINT)
            weft.sleep(3600)

    with weft.testing.virtual_clock() as clock:
        try:
            with weft.TaskGroup() as group:
                group.spawn(stuck)
        except KeyboardInterrupt:
            print(clock.elapsed)
    """
    assert run_python("import weft.testing\n" + textwrap.dedent(program)).stdout == "2.0\n"


def test_a_task_that_waits_for_room_in_a_group_that_is_left_is_not_spawned() -> None:
    group = weft.TaskGroup(limit=1)
    gate = weft.Event()
    with group:
        group.spawn(gate.wait)
        late = weft.spawn(group.spawn, gate.wait)
        weft.sleep(0)
        gate.set()
        weft.joinall(list(group._live))
    assert late.exception() is None or isinstance(late.exception(), RuntimeError)
    assert not group._live
