"""``weft fetch`` at scale: megabytes at most, of a million addresses on standard input, and of ten thousand pages on their way at once.

On standard error: the resident megabytes after each tenth of the run, which should not grow, and what the command said.
"""

import subprocess
import sys
import threading
import time

from bench.origin import origin
from bench.process import resident
from bench.work import Figure, Row, Work, scale


def measure(variant: int) -> float:
    """The peak of the command, in megabytes."""
    count = scale((1_000_000, 30_000)[variant])
    with origin(slow=variant == 1) as servers:
        address = f"http://127.0.0.1:{servers.slow if variant else servers.plain}/4/page-"
        command = [sys.executable, "-m", "weft", "fetch", "-", "-q", "-c", "10000" if variant else "200"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, text=True, **pipes) as process:  # type: ignore[call-overload]

            def feed() -> None:
                for number in range(count):
                    process.stdin.write(f"{address}{number}.html\n")
                process.stdin.close()

            threading.Thread(target=feed, daemon=True).start()
            sizes = []
            while process.poll() is None:
                sizes.append(resident(process.pid) / 1e6)
                time.sleep(0.05)
            said, errors = process.stdout.read(), process.stderr.read()
    tenths = [round(sizes[len(sizes) * tenth // 10]) for tenth in range(10)]
    print(f"MB after each tenth: {tenths}; {said.strip()} {errors}", file=sys.stderr)
    assert f"{count:,} pages" in said, said
    assert "failed" not in said, said
    return max(sizes)


WORK = Work(
    "weft fetch, peak memory",
    {"weft": measure},
    tuple(Row(title, (Figure("MB"),)) for title in ("1,000,000 addresses at 200", "30,000 pages at 10,000 after 100 ms")),
    needs=("nginx",),
)

if __name__ == "__main__":
    WORK.main()
