"""Who is due runs soon, however long the turns of the others are. Lateness is counted in turns, not in seconds."""

import socket as standard
import time
from collections.abc import Callable

import pytest

import weft
import weft.native
import weft.socket

Beat = Callable[[], float]


def compute(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def turns_late(beat: Beat, turn: float, count: int) -> list[int]:
    """Run ``beat()`` beside a loop that computes `turn` seconds and yields; it returns when it was due.

    Returns for each beat how many whole turns of the loop lay between that moment and the beat.
    """
    begun: list[float] = []
    late: list[int] = []
    done = False

    def loop() -> None:
        while not done:
            begun.append(time.monotonic())
            compute(turn)
            weft.sleep(0)

    task = weft.spawn(loop)
    weft.sleep(0)
    for _ in range(count):
        due = beat()
        late.append(max(sum(moment > due for moment in begun) - 1, 0))
        begun.clear()
    done = True
    task.result()
    return late


@pytest.mark.parametrize("turn", [0.002, 0.005, 0.02])
def test_a_sleeper_beside_a_loop_that_computes(turn: float) -> None:
    def beat() -> float:
        due = time.monotonic() + 0.01
        weft.sleep(0.01)
        return due

    late = sorted(turns_late(beat, turn, 30))
    assert late[len(late) // 2] == 0
    assert late[-3] <= 1


def test_a_reader_beside_a_loop_that_computes() -> None:
    ours, theirs = weft.socket.socketpair()
    answers, requests = standard.socketpair()

    def echo() -> None:
        while data := requests.recv(1):
            sent.append(time.monotonic())
            theirs.send(data)

    sent: list[float] = []
    weft.native.start_new_thread(echo, ())

    def beat() -> float:
        answers.send(b"x")
        ours.recv(1)
        return sent.pop()

    with ours, theirs, answers, requests:
        late = sorted(turns_late(beat, 0.005, 30))
        answers.shutdown(standard.SHUT_RDWR)
    assert late[len(late) // 2] == 0
    assert late[-3] <= 1


def test_turns_that_become_long_at_once() -> None:
    """Ten thousand short turns make the scheduler look seldom; then they become long."""

    def quick() -> None:
        for _ in range(10_000):
            weft.sleep(0)

    weft.joinall([weft.spawn(quick) for _ in range(2)])

    def beat() -> float:
        due = time.monotonic() + 0.001
        weft.sleep(0.001)
        return due

    assert turns_late(beat, 0.01, 1)[0] <= 1
