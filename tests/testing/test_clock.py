"""The virtual clock: hours in milliseconds, in the right order."""

import socket
import subprocess
import threading
import time
from collections.abc import Callable

import pytest

import weft
import weft.native
from weft.testing import virtual_clock


def test_a_year_of_sleeps() -> None:
    woken = []

    def sleeper(days: int) -> None:
        weft.sleep(days * 86400)
        woken.append((days, round(clock.elapsed / 86400)))

    began = time.monotonic()
    with virtual_clock() as clock:
        weft.joinall([weft.spawn(sleeper, days) for days in (365, 1, 30)])
    assert woken == [(1, 1), (30, 30), (365, 365)]
    assert time.monotonic() - began < 30


def test_the_standard_clocks_follow() -> None:
    with virtual_clock() as clock:
        before = time.time(), time.monotonic(), time.perf_counter_ns()
        weft.sleep(100)
        assert time.time() - before[0] == pytest.approx(100)
        assert time.monotonic() - before[1] == pytest.approx(100)
        assert time.perf_counter_ns() - before[2] == pytest.approx(100e9)
        clock.advance(50)
        assert clock.elapsed == pytest.approx(150)
        with pytest.raises(ValueError, match="does not go back"):
            clock.advance(-1)
    assert abs(time.time() - before[0]) < 30


def test_what_was_slept_is_exact() -> None:
    for _ in range(20):
        with virtual_clock() as clock:
            before = time.monotonic()
            weft.sleep(3600)
            assert time.monotonic() - before == clock.elapsed == 3600
            weft.sleep(0.1)
            assert clock.elapsed == 3600.1


def test_time_stands_still_while_a_task_runs() -> None:
    with virtual_clock() as clock:
        for _ in range(1000):
            weft.sleep(0)
        assert clock.elapsed == 0


def test_timeouts_deadlines_and_conditions() -> None:
    with virtual_clock() as clock:
        with pytest.raises(TimeoutError), weft.timeout(60):
            weft.Event().wait()
        assert weft.Event().wait(40) is False
        condition = weft.Condition()
        with condition:
            assert not condition.wait_for(lambda: False, 1000)
        with pytest.raises(TimeoutError):
            weft.select(weft.Event(), timeout=100)
        soon = weft.after(10)
        assert weft.select(weft.Event(), soon) == (soon, None)
        assert clock.elapsed == pytest.approx(60 + 40 + 1000 + 100 + 10)


def test_real_descriptors_and_threads_have_their_say_before_it_jumps() -> None:
    here, there = socket.socketpair()
    with here, there, virtual_clock(grace=10) as clock:
        weft.spawn(weft.sleep, 3600)
        weft.native.start_new_thread(there.send, (b"x",))
        weft.wait_readable(here, 60)
        assert weft.offload(sum, [1, 2]) == 3
        assert clock.elapsed < 3600


def test_through_patched_time_sleep_and_queues(run_python: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = run_python(
        """
from weft import monkey
monkey.patch_all()
import queue, threading, time
from time import sleep
from weft.testing import virtual_clock
real = time.clock_gettime
began = real(time.CLOCK_MONOTONIC)
with virtual_clock() as clock:
    threads = [threading.Thread(target=sleep, args=(60 * n,)) for n in range(60)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    try:
        queue.Queue().get(timeout=60)
    except queue.Empty:
        print(round(clock.elapsed / 60))
    condition = threading.Condition()
    with condition:
        condition.wait_for(lambda: False, 3600)
    print(round(clock.elapsed / 60), real(time.CLOCK_MONOTONIC) - began < 10)
"""
    )
    assert (done.stdout, done.stderr) == ("60\n120 True\n", "")
    assert threading.active_count() >= 1
