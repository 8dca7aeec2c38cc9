"""Pages over several processes, for more than one core: hosts are dealt out, so each host's manners hold, and results come in one stream.

Each worker has a scheduler and a Fetcher of its own. Addresses go to it, and results come from it, pickled, over a socket pair: frames of
four bytes of length and a list. What a worker has not taken waits in its socket, and then in the parent, which stops reading its input.
"""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import weft
from weft import socket
from weft.fetch.batches import Batches
from weft.fetch.options import Options
from weft.fetch.page import Page
from weft.fetch.pages import Fetcher, authority_of
from weft.fetch.record import Result

__all__ = ["Workers"]

WAITING = 64  # results that wait for who asked
FRAME = 32  # items of a frame, and as many that wait to be sent
Asked = tuple[str, list[str]]  # an address, and further header fields


class Channel:
    """Lists of objects over a socket."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.reader = connection.makefile("rb", 256 * 1024)

    def send(self, items: list[Any]) -> None:
        data = pickle.dumps(items, pickle.HIGHEST_PROTOCOL)
        self.connection.sendall(len(data).to_bytes(4) + data)

    def receive(self) -> list[Any]:
        """The next frame; empty at the end."""
        head = self.reader.read(4)
        if len(head) < 4:
            return []
        size = int.from_bytes(head)
        data = self.reader.read(size)
        made: list[Any] = pickle.loads(data) if len(data) == size else []
        return made

    def close(self) -> None:
        self.reader.close()
        self.connection.close()


class Worker:
    """A process and what waits for it."""

    def __init__(self, setting: object) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "weft.fetch.workers", str(theirs.fileno())]
            self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        self.channel = Channel(ours)
        self.channel.send([setting])
        self.waiting: Batches[Asked] = Batches(FRAME)

    def feed(self) -> None:
        """Send what waits, until there is no more."""
        try:
            for frame in self.waiting:
                self.channel.send(frame)
            self.channel.send([None])
        except OSError:
            pass  # it has died, as its reader finds

    def close(self) -> None:
        self.channel.close()  # it ends when it sees that
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()


class Death(OSError):
    """A worker has ended before its work."""


class Workers:
    """A Fetcher over `count` processes: ``fetch_all`` alone, and once."""

    def __init__(self, count: int, options: Options, connections: int = 100, folder: Path | None = None, *, adaptive: bool = False) -> None:
        """As ``Fetcher``; `connections` are all of them together."""
        each = max(1, connections // count)
        self.options = options
        self.conditions: Callable[[str], list[str]] | None = None
        self.active = 0
        self.workers = [Worker((options, each, folder, adaptive)) for _ in range(count)]
        self.results: weft.Queue[Result | Death | None] = weft.Queue(WAITING)

    def close(self) -> None:
        """End the processes."""
        for worker in self.workers:
            worker.close()

    def once(self, url: str) -> Page:
        """A page that belongs to the input, fetched here. Raises FetchError."""
        with Fetcher(self.options) as fetcher:
            return fetcher.once(url)

    def fetch_all(self, urls: Iterable[str], concurrency: int) -> Generator[Result, None, None]:
        """As ``Fetcher.fetch_all``. OSError if a worker dies."""
        with weft.TaskGroup() as group:
            for worker in self.workers:
                group.spawn(worker.feed)
                group.spawn(self.read, worker)
            group.spawn(self.deal, urls)
            left = len(self.workers)
            try:
                while left:
                    result = self.results.get()
                    if result is None:
                        left -= 1
                    elif isinstance(result, Death):
                        raise result
                    else:
                        self.active -= 1
                        yield result
            finally:
                group.cancel()

    def deal(self, urls: Iterable[str]) -> None:
        """Give each address to the worker of its host."""
        count = len(self.workers)
        for url in urls:
            self.active += 1
            fields = self.conditions(url) if self.conditions is not None else []
            self.workers[crc32(authority_of(url).encode("utf-8", "replace")) % count].waiting.put((url, fields))
        for worker in self.workers:
            worker.waiting.close()

    def read(self, worker: Worker) -> None:
        """Take what a worker sends; a None at its end."""
        try:
            while frame := worker.channel.receive():
                for result in frame:
                    self.results.put(result)
                    if result is None:
                        return
        except OSError:
            pass  # it has died with something unread
        self.results.put(Death(0, "died", f"worker process {worker.process.pid}"))


def work(number: int) -> None:
    """A worker: fetch what comes on the socket `number`, until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    channel = Channel(socket.socket(fileno=number))
    options, connections, folder, adaptive = channel.receive()[0]
    results: Batches[Result] = Batches(FRAME)
    fields: dict[str, list[str]] = {}

    def send() -> None:
        for frame in results:
            channel.send(frame)
        channel.send([None])

    def addresses() -> Iterator[str]:
        while True:
            frame = channel.receive()
            if not frame:
                os._exit(1)  # the parent has died
            for item in frame:
                if item is None:
                    weft.spawn(watch)
                    return
                url, more = item
                if more:
                    fields[url] = more
                yield url

    def watch() -> None:
        channel.receive()
        os._exit(1)

    with Fetcher(options, connections, folder, adaptive=adaptive) as fetcher, weft.TaskGroup() as group:
        fetcher.conditions = (lambda url: fields.pop(url, [])) if options.conditional else None
        group.spawn(send)
        for result in fetcher.fetch_all(addresses(), connections):
            results.put(result)
        results.close()


if __name__ == "__main__":
    work(int(sys.argv[1]))
