"""Waiting for descriptors."""

import errno
import os
import time
from collections.abc import Iterator

import pytest

import weft
from weft._core.descriptors import closing


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    for number in (reader, writer):
        try:
            os.close(number)
        except OSError:
            assert number in (reader, writer)


def test_a_reader_is_woken_by_a_writer(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    for _ in range(3):
        task = weft.spawn(weft.wait_readable, reader)
        weft.sleep(0.005)
        assert not task.done()
        os.write(writer, b"x")
        task.result()
        assert os.read(reader, 10) == b"x"


def test_what_is_ready_already_is_ready(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    weft.wait_writable(writer, timeout=5)
    os.write(writer, b"x")
    weft.wait_readable(reader, timeout=5)
    weft.wait_readable(reader, timeout=5)


def test_a_wait_times_out_and_leaves_nothing_behind(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    with pytest.raises(TimeoutError, match=r"0\.01 seconds"):
        weft.wait_readable(reader, timeout=0.01)
    os.write(writer, b"x")
    weft.wait_readable(reader, timeout=5)


def test_a_hang_up_wakes(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    task = weft.spawn(weft.wait_readable, reader)
    weft.sleep(0)
    os.close(writer)
    task.result(timeout=5)


def test_closing_wakes_with_an_error(pipe: tuple[int, int]) -> None:
    reader, _ = pipe
    task = weft.spawn(weft.wait_readable, reader)
    weft.sleep(0)
    closing(reader)
    os.close(reader)
    with pytest.raises(OSError, match="closed while a task waited") as caught:
        task.result(timeout=5)
    assert caught.value.errno == errno.EBADF


def test_a_number_used_again_is_a_new_descriptor() -> None:
    for _ in range(3):
        reader, writer = os.pipe()
        task = weft.spawn(weft.wait_readable, reader)
        weft.sleep(0.001)
        os.write(writer, b"x")
        task.result(timeout=5)
        os.close(reader)
        os.close(writer)


def test_a_regular_file_is_always_ready() -> None:
    with open(__file__, "rb") as file:
        weft.wait_readable(file, timeout=5)


def test_a_closed_number_is_an_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    os.close(writer)
    with pytest.raises(OSError, match=r"Bad file descriptor"):
        weft.wait_readable(reader, timeout=5)
    with pytest.raises(ValueError, match="-1"):
        weft.wait_readable(-1)


def test_a_busy_run_queue_does_not_starve_descriptors(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    task = weft.spawn(weft.wait_readable, reader)
    os.write(writer, b"x")
    deadline = time.monotonic() + 10
    while not task.done():
        weft.sleep(0)
        assert time.monotonic() < deadline
