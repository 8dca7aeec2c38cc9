"""Waiting for descriptors."""

import errno
import gc
import os
import resource
import select
import time
import warnings
from collections.abc import Callable, Iterator
from subprocess import CompletedProcess
from typing import Any

import pytest

import weft
from weft import socket
from weft._core.descriptors import closing

Run = Callable[..., "CompletedProcess[str]"]


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


EBADF = r"Bad file descriptor"


def test_a_socket_that_the_collector_takes_leaves_nothing_behind() -> None:
    first, second = socket.socketpair()
    task = weft.spawn(first.recv, 1)
    weft.sleep(0)
    second.send(b"x")
    assert task.result(timeout=5) == b"x"  # registered, and trusted
    number = first.fileno()
    waiting = weft.spawn(weft.wait_readable, number)
    weft.sleep(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        del first, task
        gc.collect()
    with pytest.raises(OSError, match=EBADF):
        waiting.result(timeout=5)
    reader, writer = os.pipe()
    assert number in (reader, writer)
    waiting = weft.spawn(weft.wait_readable, reader)
    weft.sleep(0)
    os.write(writer, b"y")
    waiting.result(timeout=5)
    os.close(reader)
    os.close(writer)
    second.close()


@pytest.mark.parametrize("copied", [False, True])
def test_a_wait_for_a_descriptor_that_a_library_has_closed_ends(copied: bool) -> None:
    first, second = socket.socketpair()
    task = weft.spawn(first.recv, 1)
    weft.sleep(0)
    second.send(b"x")
    task.result(timeout=5)
    copy = os.dup(first.fileno()) if copied else None
    task = weft.spawn(first.recv, 1)
    weft.sleep(0)
    os.close(first.fileno())  # not told
    with pytest.raises(OSError, match=EBADF):
        task.result(timeout=30)
    first.detach()
    second.close()
    if copy is not None:
        os.close(copy)


def test_a_wait_for_a_descriptor_that_a_library_has_replaced_works_or_ends() -> None:
    first, second = socket.socketpair()
    third, fourth = socket.socketpair()
    for reader, writer in ((first, second), (third, fourth)):
        task = weft.spawn(reader.recv, 1)
        weft.sleep(0)
        writer.send(b"x")
        task.result(timeout=5)
    os.dup2(third.fileno(), first.fileno())  # not told
    task = weft.spawn(first.recv, 10)
    weft.sleep(0)
    fourth.send(b"new")
    try:
        assert task.result(timeout=30) == b"new"
    except OSError as error:
        assert error.errno == errno.EBADF  # noqa: PT017
        assert first.recv(10) == b"new"
    for sock in (first, second, third, fourth):
        sock.close()


def test_who_waited_for_a_replaced_pipe_is_not_woken_by_the_new_one(pipe: tuple[int, int]) -> None:
    reader, _ = pipe
    old = weft.spawn(weft.wait_readable, reader)
    weft.sleep(0)
    other, writer = os.pipe()
    os.dup2(other, reader)  # not told
    new = weft.spawn(weft.wait_readable, reader)
    weft.sleep(0)
    os.write(writer, b"x")
    new.result(timeout=5)
    with pytest.raises(OSError, match=EBADF):
        old.result(timeout=5)
    os.close(other)
    os.close(writer)


def test_a_second_socket_for_a_number_leaves_the_waiters_of_the_first() -> None:
    first, second = socket.socketpair()
    task = weft.spawn(first.recv, 10)
    weft.sleep(0)
    again = socket.socket(fileno=first.fileno())
    second.send(b"hello")
    assert task.result(timeout=5) == b"hello"
    task = weft.spawn(first.recv, 10)
    weft.sleep(0)
    again.close()
    with pytest.raises(OSError, match=EBADF):
        task.result(timeout=5)
    first.detach()
    second.close()


def test_what_is_left_to_read_is_readable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        server, _ = listener.accept()
        with server:
            task = weft.spawn(server.recv, 1)
            weft.sleep(0)
            client.sendall(b"xyz")
            task.result(timeout=5)
            weft.wait_readable(server, timeout=5)
            assert server.recv(10) == b"yz"


def test_a_number_that_is_not_open_costs_no_memory() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in (900_000, 10_000_000, 2_000_000_000):
        with pytest.raises(OSError, match=EBADF):
            weft.wait_readable(number, timeout=5)
        with pytest.raises(OSError, match=EBADF):
            weft.select(weft.readable(number), timeout=5)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 10_000  # KiB


def test_a_closed_descriptor_in_a_select(pipe: tuple[int, int]) -> None:
    reader, _ = pipe
    task = weft.spawn(weft.select, weft.readable(reader))
    weft.sleep(0)
    os.close(reader)  # not told
    with pytest.raises(OSError, match=EBADF):
        task.result(timeout=30)


DAEMON = """
import os, signal, sys, tempfile, threading
import weft, weft.os, weft.socket

weft.sleep(0.001)  # the door and the poller are open, and signals ring
first, second = weft.socket.socketpair()
waiting = weft.spawn(first.recv, 1)
weft.sleep(0)
with tempfile.TemporaryDirectory() as folder:
    {closing}
    # they get the numbers
    files = [os.open(f"{{folder}}/{{place}}", os.O_RDWR | os.O_CREAT) for place in range(20)]
    weft.sleep(0.001)
    try:
        waiting.result(timeout=30)
    except OSError as error:
        print(error.errno)
    first.detach()
    second.detach()
    signals = weft.Queue()
    signal.signal(signal.SIGUSR1, lambda *_: signals.put("a signal"))
    os.kill(os.getpid(), signal.SIGUSR1)
    print(signals.get(timeout=30))
    messages = weft.Queue()
    threading.Thread(target=messages.put, args=["from a thread"]).start()
    print(messages.get(timeout=30))
    first, second = weft.socket.socketpair()
    task = weft.spawn(first.recv, 9)
    weft.sleep(0)
    second.send(b"a message")
    print(task.result(timeout=30))
    print([os.fstat(file).st_size for file in files] == [0] * 20)
    for file in files:
        os.write(file, b"still open")
"""


@pytest.mark.parametrize("poller", ["epoll", "poll"])
@pytest.mark.parametrize("closing", ["weft.os.closerange(3, 100)", "os.closerange(3, 100)"])
def test_a_program_may_close_every_descriptor(run_python: Run, closing: str, poller: str) -> None:
    ended = run_python(DAEMON.format(closing=closing), WEFT_POLLER=poller).stdout.splitlines()
    assert ended == [str(errno.EBADF), "a signal", "from a thread", "b'a message'", "True"]


def test_a_scheduler_that_cannot_open_anew_raises_and_tries_again(run_python: Run) -> None:
    source = """
    import errno, os, resource
    import weft, weft.os

    weft.sleep(0.001)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    weft.os.closerange(3, 100)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    for _ in range(2):
        try:
            weft.sleep(0.001)
        except OSError as error:
            print(error.errno == errno.EMFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (4, hard))  # half of what it needs
    try:
        weft.sleep(0.001)
    except OSError as error:
        print(error.errno == errno.EMFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (5, hard))  # a door, and no poller
    try:
        weft.sleep(0.001)
    except OSError as error:
        print(error.errno == errno.EMFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    weft.sleep(0.001)
    print(weft.spawn(str, "a task").result(timeout=30))
    """
    assert run_python(source, WEFT_POLLER="epoll").stdout.split("\n")[:-1] == ["True"] * 4 + ["a task"]


def test_the_door_and_the_poller_leave_the_standard_numbers_to_the_program(run_python: Run) -> None:
    source = """
    import os, sys
    import weft, weft.os

    weft.sleep(0.001)
    weft.os.closerange(0, 100)
    weft.sleep(0.001)
    numbers = [os.open("/dev/null", os.O_RDWR) for _ in range(3)]
    os._exit(0 if numbers == [0, 1, 2] else 1)
    """
    run_python(source)


def test_a_busy_thread_finds_out_what_a_library_has_closed() -> None:
    first, second = socket.socketpair()
    task = weft.spawn(first.recv, 1)
    weft.sleep(0)
    second.send(b"x")
    task.result(timeout=5)
    task = weft.spawn(first.recv, 1)
    weft.sleep(0)
    os.close(first.fileno())  # not told
    deadline = time.monotonic() + 30
    while not task.done():
        weft.sleep(0)  # never idle
        assert time.monotonic() < deadline
    with pytest.raises(OSError, match=EBADF):
        task.result()
    first.detach()
    second.close()


def test_a_poller_that_is_made_anew_leaves_no_descriptor_behind(run_python: Run) -> None:
    source = """
    import os
    import weft, weft.os

    def descriptors():
        found = {}
        for name in os.listdir("/proc/self/fd"):
            try:
                found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
            except OSError:  # that of the folder itself
                pass
        return found

    weft.sleep(0.001)
    before = len(descriptors())
    for _ in range(5):
        mine = max(number for number, name in descriptors().items() if "eventpoll" in name)
        weft.os.close(mine)
        weft.sleep(0.001)
    print(len(descriptors()) - before)
    """
    assert run_python(source, WEFT_POLLER="epoll").stdout == "0\n"


class Odd:
    def __init__(self, number: object) -> None:
        self.number = number

    def fileno(self) -> object:
        return self.number


NUMBERS = [1.5, "1", None, 10**30, -1]


@pytest.mark.parametrize("given", [*NUMBERS, *map(Odd, NUMBERS), Odd(True)])
def test_a_descriptor_is_read_as_the_standard_library_reads_it(given: Any) -> None:
    def outcome(call: Callable[[], object]) -> object:
        try:
            call()
        except Exception as error:
            return type(error), str(error)
        return None

    theirs = outcome(lambda: select.poll().register(given))
    assert outcome(lambda: select.select([], [given], [], 0)) == theirs
    assert outcome(lambda: weft.wait_writable(given, 5)) == theirs
    assert outcome(lambda: weft.select(weft.writable(given), timeout=5)) == theirs
    assert outcome(lambda: weft.select.select([], [given], [], 5)) == theirs  # type: ignore[attr-defined]
    assert outcome(lambda: weft.select.poll().register(given)) == theirs  # type: ignore[attr-defined]


def test_a_signal_makes_nothing_ready(run_python: Callable[..., Any]) -> None:
    done = run_python(
        """
import os, signal, time, weft
r, w = os.pipe()
signal.signal(signal.SIGALRM, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.00005, 0.00005)
end = time.monotonic() + 1
ready = 0
while time.monotonic() < end:
    try:
        weft.select(weft.readable(r), timeout=0)
        ready += 1
    except TimeoutError:
        pass
signal.setitimer(signal.ITIMER_REAL, 0)
print("ready", ready)
"""
    )
    assert done.stdout == "ready 0\n"


@pytest.mark.parametrize("poller", ["epoll", "poll"])
def test_more_descriptors_than_a_lowered_limit_are_waited_for(run_python: Run, poller: str) -> None:
    source = """
import os, resource, threading
import weft

pipes = [os.pipe() for _ in range(40)]
tasks = [weft.spawn(weft.wait_readable, reader) for reader, _ in pipes]
weft.sleep(0)
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (8, hard))
weft.sleep(0.03)
assert not any(task.done() for task in tasks)
waker = threading.Timer(0.02, os.write, (pipes[-1][1], b"x"))
waker.start()
tasks[-1].result()
waker.join()
for _, writer in pipes[:-1]:
    os.write(writer, b"x")
weft.joinall(tasks)
print("all")
"""
    assert run_python(source, WEFT_POLLER=poller).stdout == "all\n"
