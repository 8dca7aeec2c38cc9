"""Waiting for several tasks."""

import pytest

import weft


def nap(seconds: float) -> float:
    weft.sleep(seconds)
    return seconds


def test_tasks_come_as_they_end() -> None:
    tasks = [weft.spawn(nap, seconds) for seconds in (0.09, 0.01, 0.05)]
    assert [task.result() for task in weft.as_completed(tasks)] == [0.01, 0.05, 0.09]


def test_as_completed_times_out() -> None:
    tasks = [weft.spawn(nap, seconds) for seconds in (0.01, 30)]
    with pytest.raises(TimeoutError, match=r"1 \(of 2\)"):
        list(weft.as_completed(tasks, timeout=0.05))
    tasks[1].cancel()


def test_wait_for_all_for_the_first_and_for_the_first_failure() -> None:
    quick, slow = weft.spawn(nap, 0.01), weft.spawn(nap, 0.2)
    assert weft.wait([quick, slow], return_when="FIRST_COMPLETED") == ({quick}, {slow})
    assert weft.wait([quick, slow], timeout=0) == ({quick}, {slow})
    failing = weft.spawn(nap, "x")
    done, not_done = weft.wait([failing, slow], return_when="FIRST_EXCEPTION")
    assert (done, not_done) == ({failing}, {slow})
    assert weft.wait([quick, slow]) == ({quick, slow}, set())
    with pytest.raises(ValueError, match="SOMETIMES"):
        weft.wait([], return_when="SOMETIMES")
