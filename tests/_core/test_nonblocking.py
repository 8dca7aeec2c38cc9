"""Reading and writing descriptors of every kind, while others are faster."""

import errno
import os
import pty
import socket
import struct
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import CompletedProcess

import pytest

import weft
from weft import os as twin
from weft._core import nonblocking

Ends = tuple[int, int]
SIZE = 600_000


@pytest.fixture(params=["pipe", "fifo", "two-way fifo", "socket", "terminal", "master"])
def ends(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ends]:
    """A reader and a writer of some kind, both of which block."""
    made = make_ends(request.param, tmp_path / "fifo")
    yield made
    for number in made:
        with suppress(OSError):
            os.close(number)


def make_ends(kind: str, path: Path) -> Ends:
    if kind == "pipe":
        return os.pipe()
    if kind == "fifo":
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(reader, True)
        return reader, os.open(path, os.O_WRONLY)
    if kind == "two-way fifo":
        os.mkfifo(path)
        reader = os.open(path, os.O_RDWR)
        return reader, os.dup(reader)
    if kind == "socket":
        first, second = socket.socketpair()
        return first.detach(), second.detach()
    master, slave = pty.openpty()
    tty.setraw(slave)
    return (master, slave) if kind == "master" else (slave, master)


def test_two_readers_share_one_descriptor(ends: Ends) -> None:
    reader, writer = ends
    got = weft.Queue[bytes]()
    tasks = [weft.spawn(lambda: got.put(nonblocking.read(reader, 1))) for _ in range(2)]
    weft.sleep(0)
    os.write(writer, b"a")
    assert got.get(timeout=30) == b"a"
    weft.sleep(0)  # the other one has been woken for nothing, and this thread goes on
    os.write(writer, b"b")
    assert got.get(timeout=30) == b"b"
    weft.joinall(tasks, timeout=30)
    assert os.get_blocking(reader)


@pytest.mark.parametrize("pieces", [1, 3])
def test_a_large_write_goes_on_until_all_is_written(ends: Ends, pieces: int) -> None:
    reader, writer = ends

    def take() -> bytes:
        data = b""
        while len(data) < SIZE:
            data += nonblocking.read(reader, 65536)
        return data

    data = (bytes(range(32, 127)) * SIZE)[:SIZE]
    task = weft.spawn(take)
    if pieces == 1:
        assert nonblocking.write(writer, data) == SIZE
    else:
        assert nonblocking.writev(writer, [data[:10], b"", bytearray(data[10:100_000]), memoryview(data)[100_000:]]) == SIZE
    assert task.result(timeout=30) == data
    assert os.get_blocking(writer)


def test_reading_into_buffers(ends: Ends) -> None:
    reader, writer = ends
    first, second = bytearray(2), bytearray(5)
    task = weft.spawn(nonblocking.readv, reader, [first, second])
    weft.sleep(0)
    os.write(writer, b"abcd")
    assert task.result(timeout=30) == 4
    assert (bytes(first), bytes(second)) == (b"ab", b"cd\0\0\0")


def test_a_descriptor_that_does_not_block_never_parks(ends: Ends) -> None:
    reader, writer = ends
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    with pytest.raises(BlockingIOError):
        nonblocking.read(reader, 1)
    assert 0 < nonblocking.write(writer, bytes(5_000_000)) < 5_000_000
    with pytest.raises(BlockingIOError):
        for _ in range(100):
            nonblocking.write(writer, bytes(5_000_000))


def test_nothing_is_read_without_a_wait(ends: Ends) -> None:
    reader, _ = ends
    assert nonblocking.read(reader, 0) == b""
    assert nonblocking.readv(reader, [bytearray(), bytearray()]) == 0
    os.set_blocking(reader, False)
    assert nonblocking.read(reader, 0) == b""
    assert nonblocking.readv(reader, [bytearray()]) == 0


def test_no_bytes_leave_a_datagram_where_it_is() -> None:
    first, second = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with first, second:
        os.write(first.fileno(), b"one")
        assert nonblocking.read(second.fileno(), 0) == b""
        assert nonblocking.writev(first.fileno(), [b"", b""]) == 0  # sends none
        assert nonblocking.write(first.fileno(), b"") == 0  # sends an empty one
        assert nonblocking.read(second.fileno(), 9) == b"one"
        assert nonblocking.read(second.fileno(), 9) == b""


def test_closing_ends_a_wait(ends: Ends) -> None:
    reader, _ = ends
    task = weft.spawn(nonblocking.read, reader, 1)
    weft.sleep(0)
    twin.close(reader)
    with pytest.raises(OSError, match="Bad file descriptor") as caught:
        task.result(timeout=30)
    assert caught.value.errno == errno.EBADF


@pytest.mark.parametrize("kind", ["pipe", "fifo", "socket"])
def test_a_write_that_breaks_off_tells_what_went(kind: str, tmp_path: Path) -> None:
    reader, writer = make_ends(kind, tmp_path / "fifo")
    task = weft.spawn(nonblocking.write, writer, bytes(5_000_000))
    weft.sleep(0)
    os.close(reader)
    assert 0 < task.result(timeout=30) < 5_000_000
    with pytest.raises(BrokenPipeError):
        nonblocking.write(writer, b"x")
    os.close(writer)


@pytest.mark.parametrize("kind", ["pipe", "fifo", "socket", "terminal"])
def test_the_end_is_read(kind: str, tmp_path: Path) -> None:
    reader, writer = make_ends(kind, tmp_path / "fifo")
    task = weft.spawn(nonblocking.read, reader, 1)
    weft.sleep(0)
    os.close(writer)
    assert task.result(timeout=30) == b""
    os.close(reader)


def outcome(call: Callable[[], object]) -> object:
    try:
        return call()
    except Exception as error:
        return type(error), getattr(error, "errno", None), str(error)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("read", ("w", 1)),
        ("read", (9999, 1)),
        ("read", ("r", -1)),
        ("read", ("r", 0)),
        ("read", (1.5, 1)),
        ("read", ("text", 1)),
        ("read", ("r", 1.0)),
        ("write", ("r", b"x")),
        ("write", (9999, b"")),
        ("write", ("w", b"")),
        ("write", ("w", "text")),
        ("write", ("w", memoryview(b"abcd")[::2])),
        ("readv", ("r", [])),
        ("readv", ("r", [b"x"])),
        ("writev", ("w", [])),
        ("writev", ("w", 5)),
        ("writev", ("w", [b""] * 2000)),
    ],
)
def test_arguments_are_refused_as_the_standard_module_refuses_them(name: str, arguments: tuple[object, ...]) -> None:
    numbers = dict(zip("rw", os.pipe(), strict=True))
    given = [numbers.get(word, word) if isinstance(word, str) else word for word in arguments]
    assert outcome(lambda: getattr(nonblocking, name)(*given)) == outcome(lambda: getattr(os, name)(*given))
    for number in numbers.values():
        os.close(number)


def test_a_file_goes_out_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(SIZE))
    reader, writer = make_ends("socket", path)

    def take() -> bytes:
        data = b""
        while piece := nonblocking.read(reader, 65536):
            data += piece
        return data

    task = weft.spawn(take)
    with path.open("rb") as file:
        while nonblocking.sendfile(writer, file.fileno(), None, SIZE):
            pass
        assert os.lseek(file.fileno(), 0, os.SEEK_CUR) == SIZE
    os.close(writer)
    assert task.result(timeout=30) == path.read_bytes()
    os.close(reader)


def test_a_device_is_sent_to_a_full_pipe(run_python: Callable[..., CompletedProcess[str]]) -> None:
    assert run_python(SEND_DEVICE).stdout == "1048576\n1048576\nPIPE\nINVAL\n"


SEND_DEVICE = """
import errno, os, weft
from weft._core import nonblocking

SIZE = 1 << 20
reader, writer = os.pipe()
zeros = os.open("/dev/zero", os.O_RDONLY)

def take():
    taken = 0
    while taken < SIZE:
        taken += len(nonblocking.read(reader, 65536))
    return taken

def send():
    sent = 0
    while sent < SIZE:
        sent += nonblocking.sendfile(writer, zeros, None, SIZE - sent)
    return sent

taker = weft.spawn(take)
print(weft.spawn(send).result(20))
print(taker.result(20))
os.close(reader)
for target, source in ((writer, zeros), (1, os.eventfd(0))):
    try:
        weft.spawn(nonblocking.sendfile, target, source, None, 5).result(20)
    except OSError as error:
        print(errno.errorcode[error.errno][1:])
"""


def read_offloaded(number: int, size: int) -> bytes:
    return weft.offload(os.read, number, size)


def into(number: int, size: int) -> bytes:
    buffer = bytearray(size)
    return bytes(buffer[: nonblocking.read_into(number, buffer)])


@pytest.mark.parametrize("read", [read_offloaded, nonblocking.read, into], ids=["standard", "read", "into"])
@pytest.mark.parametrize(
    ("least", "tenths", "size", "pieces", "found"),
    [
        (0, 0, 9, [], b""),
        (0, 1, 9, [], b""),
        (0, 255, 9, [b"ab"], b"ab"),
        (3, 0, 9, [b"a", b"b", b"c"], b"abc"),
        (3, 0, 2, [b"a", b"b"], b"ab"),
        (3, 1, 9, [b"a"], b"a"),
        (3, 255, 9, [b"ab", b"c"], b"abc"),
        (3, 255, 1, [b"a"], b"a"),
    ],
)
def test_a_terminal_s_own_rules_for_a_read_count(
    read: Callable[[int, int], bytes], least: int, tenths: int, size: int, pieces: list[bytes], found: bytes
) -> None:
    master, slave = pty.openpty()
    tty.setraw(slave)
    settings = termios.tcgetattr(slave)
    settings[6][termios.VMIN], settings[6][termios.VTIME] = least, tenths
    termios.tcsetattr(slave, termios.TCSANOW, settings)
    task = weft.spawn(read, slave, size)
    for piece in pieces:
        weft.sleep(0.02)
        assert not task.done()
        os.write(master, piece)
    assert task.result(timeout=30) == found
    os.close(slave)
    os.close(master)


def test_no_descriptor_is_needed_for_a_read_or_a_write(run_python: Callable[..., CompletedProcess[str]], tmp_path: Path) -> None:
    assert run_python(NO_DESCRIPTOR, str(tmp_path / "fifo")).stdout == "9 b'hi' 3 b'one'\n24\n"


NO_DESCRIPTOR = """
import errno, os, pty, resource, sys, tty, weft
from weft._core import nonblocking

master, slave = pty.openpty()
tty.setraw(slave)
os.mkfifo(sys.argv[1])
fifo = os.open(sys.argv[1], os.O_RDWR)
weft.sleep(0.001)  # it opens what the scheduler needs
reader = weft.spawn(nonblocking.read, slave, 5)
weft.sleep(0.01)
last = os.dup(0)
os.close(last)
resource.setrlimit(resource.RLIMIT_NOFILE, (last, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
os.write(master, b"hi")
print(nonblocking.write(slave, b"log line\\n"), reader.result(20), nonblocking.write(fifo, b"one"), nonblocking.read(fifo, 5))
try:
    os.dup(0)
except OSError as error:
    print(error.errno)
"""


def test_helpers_that_block_keep_nobody_waiting() -> None:
    ends = [pty.openpty() for _ in range(41)]
    for _, slave in ends:
        tty.setraw(slave)
    stuck = [weft.spawn(nonblocking.write, master, bytes(SIZE)) for master, _ in ends[1:]]
    weft.sleep(0.1)
    master, slave = ends[0]
    os.write(slave, b"a")
    assert weft.spawn(nonblocking.read, master, 1).result(timeout=30) == b"a"
    for task in stuck:
        task.cancel()
    weft.joinall(stuck, timeout=30)
    for end in ends:
        for number in reversed(end):  # the helpers' writes fail once no slave is open
            os.close(number)


def test_a_call_that_no_helper_begins_leaves_no_descriptor(run_python: Callable[..., CompletedProcess[str]]) -> None:
    assert run_python(NO_HELPER).stdout == "RuntimeError 0\n"


NO_HELPER = """
import _thread, os, pty, tty

def refuse(*_):
    raise RuntimeError("can't start new thread")

_thread.start_new_thread = refuse
import weft
from weft._core import nonblocking

master, slave = pty.openpty()
tty.setraw(slave)
weft.sleep(0)
before = len(os.listdir("/proc/self/fd"))
os.write(slave, b"a")
try:
    nonblocking.read(master, 1)
except RuntimeError as error:
    print(type(error).__name__, len(os.listdir("/proc/self/fd")) - before)
"""


def test_a_socket_s_own_timeout_counts() -> None:
    short = struct.pack("ll", 0, 20_000)
    first, second = socket.socketpair()
    with first, second:
        first.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, short)
        first.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, short)
        for read in (lambda: nonblocking.read(first.fileno(), 1), lambda: nonblocking.readv(first.fileno(), [bytearray(1)])):
            with pytest.raises(BlockingIOError):
                weft.spawn(read).result(timeout=30)
        assert 0 < weft.spawn(nonblocking.write, first.fileno(), bytes(10_000_000)).result(timeout=30) < 10_000_000
        with pytest.raises(BlockingIOError):
            weft.spawn(nonblocking.write, first.fileno(), b"a").result(timeout=30)
