"""Reads of regular files by the tasks themselves: from memory, from the disk, and where neither can be had."""

import os
import random
import resource
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import weft

PAGE = 4096
PAGES = 2000


def cold(path: Path) -> None:
    """Let the system forget the file's content, as far as its file system does such a thing."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """A file whose pages each repeat their number, none of them in memory."""
    path = tmp_path / "pages"
    path.write_bytes(b"".join(number.to_bytes(4, "big") * (PAGE // 4) for number in range(PAGES)))
    cold(path)
    return path


def read_pages(path: Path, count: int, seed: int, seconds: float = 60) -> None:
    order = random.Random(seed)
    with weft.open(path, "rb", buffering=0) as file, weft.move_on_after(seconds):
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
        for _ in range(count):
            number = order.randrange(PAGES)
            file.seek(number * PAGE)
            assert file.read(PAGE) == number.to_bytes(4, "big") * (PAGE // 4)


def test_five_hundred_tasks_read_at_once(pages: Path) -> None:
    weft.joinall([weft.spawn(read_pages, pages, 20, seed) for seed in range(500)])


def test_threads_read_at_once(pages: Path) -> None:
    failed: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            weft.joinall([weft.spawn(read_pages, pages, 20, seed * 100 + number) for number in range(50)])
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_all_forms_of_reading_agree_with_open(pages: Path) -> None:
    forms: list[Callable[[object], object]] = [
        lambda file: file.read(),  # type: ignore[attr-defined]
        lambda file: (file.seek(PAGE - 1), file.read(PAGE + 5), file.tell()),  # type: ignore[attr-defined]
        lambda file: (file.seek(-10, os.SEEK_END), file.read(100), file.read(100), file.read(0)),  # type: ignore[attr-defined]
        lambda file: (file.readinto(buffer := bytearray(3 * PAGE)), bytes(buffer)),  # type: ignore[attr-defined]
        lambda file: (file.seek(10), file.readline(100), file.read(7)),  # type: ignore[attr-defined]
    ]
    for form in forms:
        for buffering in (0, -1):
            with open(pages, "rb", buffering) as plain, weft.open(pages, "rb", buffering) as file:
                assert form(file) == form(plain)


def test_reads_that_are_given_up(pages: Path) -> None:
    """The kernel still writes to their buffers; nobody else may have got that memory meanwhile."""

    def give_up(seed: int) -> None:
        for number in range(10):
            read_pages(pages, 100, seed + number, seconds=random.Random(seed + number).random() * 0.0005)
            assert bytes(100) * 100 == b"\0" * 10_000

    for _ in range(3):
        cold(pages)
        weft.joinall([weft.spawn(give_up, seed) for seed in range(100)])
    read_pages(pages, 50, 1)


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # the kernel's threads that serve the ring are counted
def test_a_child_that_is_forked_in_the_middle(pages: Path) -> None:
    tasks = [weft.spawn(read_pages, pages, 50, seed) for seed in range(50)]
    weft.sleep(0)
    weft.sleep(0)
    child = os.fork()
    if not child:
        try:
            weft.joinall([weft.spawn(read_pages, pages, 20, seed) for seed in range(20)])
            os._exit(0)
        finally:
            os._exit(1)
    weft.joinall(tasks)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_file_that_lives_in_memory() -> None:
    path = Path(f"/dev/shm/weft-{os.getpid()}")
    path.write_bytes(b"x" * 100_000)
    try:
        with weft.open(path, "rb") as file:
            assert file.read() == b"x" * 100_000
    finally:
        path.unlink()


def test_files_of_the_kernel() -> None:
    with weft.open("/proc/self/status") as file:
        assert file.read().startswith("Name:")


def test_a_thread_serves_where_there_is_no_ring(pages: Path) -> None:
    """Without a free descriptor there is none."""
    failed: list[BaseException] = []
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    def work() -> None:
        try:
            weft.sleep(0)  # the thread's scheduler has its descriptors
            with weft.open(pages, "rb", 0) as file:
                resource.setrlimit(resource.RLIMIT_NOFILE, (file.fileno() + 1, before[1]))
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
                for number in range(0, PAGES, 100):
                    file.seek(number * PAGE)
                    assert file.read(PAGE) == number.to_bytes(4, "big") * (PAGE // 4)
        except BaseException as error:
            failed.append(error)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert failed == []


def test_a_reader_starves_nobody(pages: Path) -> None:
    def read_on() -> None:
        with weft.open(pages, "rb", 0) as file:
            while True:
                file.seek(0)
                file.read(64 * PAGE)

    reader = weft.spawn(read_on)
    began = time.monotonic()
    weft.sleep(0.05)
    assert time.monotonic() - began < 5
    reader.cancel()
    reader.join()
