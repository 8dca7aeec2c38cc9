"""``weft fetch`` over one process and over two, 16 hosts, on every core that there is: pages a second."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.origin import origin
from bench.work import Figure, Row, Work, scale

HOSTS = 16
COUNT = 50_000


def measure(workers: int) -> float:
    """Pages a second of the whole command."""
    count = scale(COUNT)
    with origin() as servers, tempfile.TemporaryDirectory() as folder:
        names = [f"host-{number}.test" for number in range(HOSTS)]
        urls = Path(folder, "urls")
        urls.write_text("".join(f"http://{names[number % HOSTS]}:{servers.plain}/4/page-{number}.html\n" for number in range(count)))
        places = [word for name in names for word in ("--resolve", f"{name}:{servers.plain}:127.0.0.1")]
        command = [sys.executable, "-m", "weft", "fetch", "-i", str(urls), "-q", "-c", "200", "-w", str(workers), *places]
        began = time.perf_counter()
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        seconds = time.perf_counter() - began
    assert f"{count:,} pages" in done.stdout, done.stdout
    return count / seconds


WORK = Work(
    "weft fetch, the command",
    {"weft": lambda row: measure(row + 1)},
    tuple(Row(title, (Figure("pages/s", more=True),)) for title in ("one process", "two processes")),
    needs=("nginx",),
)

if __name__ == "__main__":
    WORK.main()
