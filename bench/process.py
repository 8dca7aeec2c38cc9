"""The processes that are measured: a server that is started, and what a process takes of the machine."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.work import pin


@contextmanager
def serving(command: list[str | Path]) -> Iterator[tuple[int, str]]:
    """Run a server that prints its port, on the first processor: its process and its port."""
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=lambda: pin(0))
    try:
        yield server.pid, server.stdout.readline().decode().strip()  # type: ignore[union-attr]
    finally:
        server.kill()
        server.communicate()


def cpu_seconds(pid: int) -> float:
    """Of all threads of the process, those that have ended too: its clock, as clock_getcpuclockid(3) names it on Linux."""
    return time.clock_gettime(~pid << 3 | 2)


def resident(pid: int | str = "self") -> int:
    """Bytes of memory; 0 of a process that has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0
