"""Where a server's time goes: microseconds of a message in the kernel, in libc, in the interpreter and so on, by perf's samples.

    python -m bench.profile          every cell of the echo, and TLS with 100 KiB, for weft and uvloop
    python -m bench.profile gevent   the same for gevent

It needs perf (Debian: linux-perf) and the right to use it. The samples themselves cost some of the time that is shown.
"""

import platform
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from bench import echo, tls
from bench.work import pin

SECONDS = 3
RATE = 1999  # samples a second
PARTS = {
    "kernel": r"kernel|vdso",
    "libc": r"^libc\b|^libc[.-]|ld-linux|libpthread",
    "OpenSSL": r"libssl|libcrypto|_ssl\.",
    "interpreter": r"^(lib)?python",
    "greenlet": r"_greenlet",
    "its own": r"",
}


def part(library: str) -> str:
    """Whose a shared library is."""
    return next(name for name, pattern in PARTS.items() if re.search(pattern, library))


def shares(data: Path) -> Counter[str]:
    """How the samples are spread, of 1."""
    words = ["perf", "report", "--input", str(data), "--stdio", "--sort", "dso", "--field-separator", ";"]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    found: Counter[str] = Counter()
    for share, library in re.findall(r"^\s*([\d.]+)%?\s*;(.+)$", told, re.MULTILINE):
        found[part(library.strip())] += float(share) / 100
    return found


def profile(peer: str, kib: int, connections: int, secret: bool) -> Counter[str]:
    """Microseconds of a message, by part."""
    with tempfile.TemporaryDirectory() as folder, echo.started(peer, kib, connections, secret, SECONDS) as (server, finish):
        data = Path(folder, "perf.data")
        words = ["perf", "record", "--quiet", "--event", "cpu-clock", "--freq", str(RATE), "--pid", str(server), "--output", str(data)]
        with subprocess.Popen([*words, "--", "sleep", str(SECONDS - 1)], stderr=subprocess.DEVNULL, preexec_fn=lambda: pin(1)):
            _, spent = finish()
        return Counter({name: share * spent for name, share in shares(data).items()})


def main() -> None:
    print(f"| CPython {platform.python_version()} | | all | " + " | ".join(PARTS) + " |")
    print("|---|---|" + "---:|" * (len(PARTS) + 1))
    cells = [(*cell, False) for cell in echo.CELLS] + [(*cell, True) for cell in tls.CELLS if cell[0] == 100]
    for kib, connections, secret in cells:
        for peer in sys.argv[1:] or ("weft", "uvloop_streams" if secret else "uvloop"):
            found = profile(peer, kib, connections, secret)
            title = f"{'TLS, ' if secret else ''}{kib} KiB by {connections:,}"
            print(f"| {title} | {peer} | {found.total():.1f} | " + " | ".join(f"{found[name]:.1f}" for name in PARTS) + " |", flush=True)


if __name__ == "__main__":
    main()
