"""The exception tree, as a user's except clauses see it."""

import pytest

import weft


def test_except_exception_does_not_swallow_a_cancellation() -> None:
    assert not issubclass(weft.Cancelled, Exception)


def test_a_deadlock_carries_the_parked_tasks() -> None:
    with pytest.raises(weft.WeftError, match="nothing can wake") as caught:
        raise weft.DeadlockError("nothing can wake the main task", ("main: lock",))
    assert isinstance(caught.value, weft.DeadlockError)
    assert caught.value.tasks == ("main: lock",)
