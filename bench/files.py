"""Reads of a regular file at random places, from memory and from the disk: microseconds of CPU, and of time, a read.

Each peer reads in its own way: weft.open, gevent's FileObjectThread, trio.open_file, asyncio.to_thread, and plain files in plain threads.
"""

import os
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from bench.work import SMOKE, Figure, Measured, Row, Work, scale

SIZE = (4 if SMOKE else 256) << 20
CELLS = [(size, tasks, True) for size in (4096, 1 << 20) for tasks in (1, 64, 1000)] + [(4096, tasks, False) for tasks in (1, 64, 1000)]
READS = {(4096, True): 20_000, (1 << 20, True): 2_000, (4096, False): 5_000}


def place() -> Path:
    """The file, made once: where the disk is, not memory."""
    path = Path(os.environ.get("WEFT_BENCH_FOLDER") or "/var/tmp") / f"weft-bench-{SIZE}"
    if not path.exists() or path.stat().st_size != SIZE:
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            for _ in range(SIZE >> 20):
                file.write(os.urandom(1 << 20))
            file.flush()
            os.fsync(file.fileno())
        os.rename(file.name, path)
    return path


def prepare(path: Path, cached: bool) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    while cached and os.read(descriptor, 1 << 20):
        pass
    os.close(descriptor)


def random_access(file: Any) -> None:
    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)


def plain(read_file: Callable[[Path], Any], run: Callable[[Callable[[], None], int], object]) -> Callable[..., None]:
    def work(path: Path, size: int, tasks: int, offsets: Iterator[int]) -> None:
        def reader() -> None:
            with read_file(path) as file:
                random_access(file)
                for offset in offsets:
                    file.seek(offset)
                    assert len(file.read(size)) == size

        run(reader, tasks)

    return work


def weft() -> Callable[..., None]:
    import weft

    return plain(lambda path: weft.open(path, "rb", 0), lambda reader, tasks: weft.joinall([weft.spawn(reader) for _ in range(tasks)]))


def gevent() -> Callable[..., None]:
    import gevent
    from gevent.fileobject import FileObjectThread

    return plain(
        lambda path: FileObjectThread(str(path), "rb", buffering=0),
        lambda reader, tasks: gevent.joinall([gevent.spawn(reader) for _ in range(tasks)], raise_error=True),
    )


def threads() -> Callable[..., None]:
    from threading import Lock, Thread, stack_size

    stack_size(256 * 1024)

    class Offsets:
        """A generator is not for several threads."""

        def __init__(self, offsets: Iterator[int]) -> None:
            self.offsets, self.lock = offsets, Lock()

        def __iter__(self) -> "Offsets":
            return self

        def __next__(self) -> int:
            with self.lock:
                return next(self.offsets)

    def run(reader: Callable[[], None], tasks: int) -> None:
        started = [Thread(target=reader) for _ in range(tasks)]
        for thread in started:
            thread.start()
        for thread in started:
            thread.join()

    work = plain(partial(open, mode="rb", buffering=0), run)
    return lambda path, size, tasks, offsets: work(path, size, tasks, Offsets(offsets))


def trio() -> Callable[..., None]:
    import trio

    def work(path: Path, size: int, tasks: int, offsets: Iterator[int]) -> None:
        async def reader() -> None:
            async with await trio.open_file(path, "rb", 0) as file:
                random_access(file)
                for offset in offsets:
                    await file.seek(offset)
                    assert len(await file.read(size)) == size

        async def main() -> None:
            async with trio.open_nursery() as nursery:
                for _ in range(tasks):
                    nursery.start_soon(reader)

        trio.run(main)

    return work


def asyncio() -> Callable[..., None]:
    import asyncio

    def work(path: Path, size: int, tasks: int, offsets: Iterator[int]) -> None:
        async def reader() -> None:
            with await asyncio.to_thread(open, path, "rb", 0) as file:
                random_access(file)
                for offset in offsets:
                    file.seek(offset)
                    assert len(await asyncio.to_thread(file.read, size)) == size

        async def main() -> None:
            await asyncio.gather(*[reader() for _ in range(tasks)])

        asyncio.run(main())

    return work


def peer(make: Callable[[], Callable[..., None]]) -> Callable[[int], Measured]:
    def measure(row: int) -> Measured:
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        size, tasks, cached = CELLS[row]
        path, work = place(), make()
        count = max(scale(READS[size, cached]) if tasks > 1 or cached else scale(READS[size, cached]) // 5, 1)
        prepare(path, cached)
        numbers = random.Random(row)
        offsets = iter([numbers.randrange(SIZE // size) * size for _ in range(count)])
        wall, cpu = time.perf_counter(), time.process_time()
        work(path, size, tasks, offsets)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        assert next(offsets, None) is None
        return wall / count * 1e6, cpu / count * 1e6

    return measure


WORK = Work(
    "files",
    {make.__name__: peer(make) for make in (weft, gevent, asyncio, trio, threads)},
    tuple(
        Row(
            f"{size >> 10} KiB {'in memory' if cached else 'from the disk'}, {tasks:,} at once",
            (Figure("µs", {"gevent": 1}), Figure("µs of CPU", {"gevent": 1})),
        )
        for size, tasks, cached in CELLS
    ),
)

if __name__ == "__main__":
    WORK.main()
