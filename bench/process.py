"""What a process takes of the machine."""

import os
from pathlib import Path


def cpu_seconds(pid: int) -> float:
    """Of all threads of the process that live, by the scheduler's own nanoseconds; by its ticks where the system has none."""
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
        spent = sum(int(Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0]) for task in tasks)
        if spent:
            return spent / 1e9
    except FileNotFoundError:
        pass
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int | str = "self") -> int:
    """Bytes of memory; 0 of a process that has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0
