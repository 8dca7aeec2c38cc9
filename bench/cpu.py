"""How much of a processor another process has used."""

import os
from pathlib import Path


def seconds(pid: int) -> float:
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
