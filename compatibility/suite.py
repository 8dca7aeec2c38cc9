"""Run a library's test-suite in a process of its own, and say how each of its tests ended.

A run that hangs or dies names the test that had begun; the suite then goes on behind that test in another process, so that one
hang does not hide the rest.
"""

import json
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from compatibility import cache
from compatibility.libraries import Library
from compatibility.servers import serving

__all__ = ["LAUNCHERS", "Record", "Results", "run"]

LAUNCHERS = {"stock": ["-m", "pytest"], "weft": ["-m", "weft", "run", "-m", "pytest"]}
QUIET = float(os.environ.get("COMPATIBILITY_QUIET", 120))  # seconds in which neither output nor a result comes: the test hangs
LONGEST = 1800  # seconds for a process
ATTEMPTS = 8  # processes for a suite, each behind the test that hung or died before
WHOLE = "(the whole suite)"  # the "test" that failed if none had begun
EXIT = "(the end of the process)"  # the "test" that hung if all had ended

Results = dict[str, str]  # "passed", "failed", "skipped", "xfailed", "hung" or "crashed" for each test

PREFIX = "weftc-"  # of the folder that a process runs in; short, because Unix sockets lie below it
ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
PLACE = re.compile(rf"[^\s\[]*{PREFIX}\w+/(?:source/)?")


class Record:
    """The recorder's notes about one process."""

    def __init__(self, text: str) -> None:
        """Read the recorder's lines; the last may be half written."""
        self.results: Results = {}
        self.open: str | None = None  # the test that had begun and not ended
        self.finished = False  # pytest came to its end
        for line in text.splitlines():
            try:
                word, name = json.loads(line)
            except ValueError:
                continue
            if word == "begun":
                self.open = name
            elif word == "ended":
                self.open = None
            elif word == "finished":
                self.finished = True
            elif self.results.get(name) != "failed":
                # a teardown that fails makes a test fail; what skips in its teardown has passed
                self.results[name] = word if self.results.get(name) is None or word == "failed" else self.results[name]


def run(library: Library, side: str, source: Path, log: Path, files: Iterable[str] = (), without: Iterable[str] = ()) -> Results:
    """Return how each test of the library's suite ended under `side` ("stock" or "weft").

    Of these test `files` alone if any are given; not the tests in `without`. What the processes print is written to `log`.
    """
    results: Results = {}
    left_out = set(without)
    log.unlink(missing_ok=True)
    for _ in range(ATTEMPTS):
        record, verdict = attempt(library, side, source, log, left_out | set(results), sorted(files))
        results |= record.results
        if record.finished:
            if verdict == "hung":
                results[EXIT] = verdict
            break
        results[record.open or WHOLE] = verdict
        if record.open is None:
            break
    return results


def attempt(library: Library, side: str, source: Path, log: Path, skipped: set[str], only: list[str]) -> tuple[Record, str]:
    """Run one process. Return its record, and what became of it: "ended", "hung" or "crashed"."""
    with tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True) as place, open(log, "ab") as written:
        folder = Path(place)
        for name in ("source", "home", "tmp"):
            (folder / name).mkdir()
        unpacked = cache.unpack(library, source, folder / "source")
        record = folder / "record"
        (folder / "skip").write_text(json.dumps(sorted(skipped)))
        (folder / "only").write_text(json.dumps(only))
        with serving(library.server, folder) as variables:
            command = [
                str(cache.interpreter(library)),
                *LAUNCHERS[side],
                *("-p", cache.RECORDER, f"--compatibility-record={record}"),
                *(f"--compatibility-skip={folder / 'skip'}", f"--compatibility-only={folder / 'only'}"),
                *(word.replace("{REDIS_URL}", variables.get("REDIS_URL", "")) for word in library.pytest),
            ]
            written.write(f"$ {' '.join(command)}\n".encode())
            written.flush()
            process = subprocess.Popen(
                command,
                cwd=unpacked,
                env=variables_of(library, folder) | variables,
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=listen_to_ctrl_c,
            )
            hung = attend(process, [log, record])
        seen = Record(record.read_text() if record.exists() else "")
        return seen, "hung" if hung else "ended" if seen.finished else "crashed"


def variables_of(library: Library, folder: Path) -> dict[str, str]:
    """Return the environment of a run: nothing of the user's that changes what pytest or a library does."""
    kept = {name: value for name, value in os.environ.items() if name in ("LANG", "LC_ALL", "TZ")}
    path = f"{cache.interpreter(library).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    own = {"PATH": path, "HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"), "PYTHONHASHSEED": "0"}
    return {"LANG": "C.UTF-8", **kept, **own, **library.environment}


def listen_to_ctrl_c() -> None:
    """Restore the handler of SIGINT, which tests need and a shell's background jobs ignore."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def attend(process: subprocess.Popen[bytes], files: list[Path]) -> bool:
    """Wait until `process` ends, and return False; or until it hangs (none of `files` grows), end it, and return True."""
    began = grew = time.monotonic()
    sizes: list[int] = []
    hung = False
    while process.poll() is None:
        now = time.monotonic()
        current = [file.stat().st_size if file.exists() else 0 for file in files]
        if current != sizes:
            sizes, grew = current, now
        if now - grew > QUIET or now - began > LONGEST:
            hung = True
            process.send_signal(signal.SIGABRT)  # pytest's faulthandler prints the stacks
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                pass
            break
        time.sleep(0.1)
    try:
        os.killpg(process.pid, signal.SIGKILL)  # the processes that a test left behind, too
    except ProcessLookupError:
        pass
    process.wait()
    return hung


def steady(results: Results) -> Results:
    """Return the results by names that do not differ between two runs: no addresses, and no folder of a run or of an environment."""
    return {PLACE.sub("", ADDRESS.sub("0x", name.rpartition("site-packages/")[2])): how for name, how in results.items()}
