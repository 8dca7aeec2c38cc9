"""Run one file of CPython's test-suite in a process of its own, and say how each of its tests ended.

A run that ends writes JUnit's XML. One that hangs or crashes leaves its verbose output: the test that was last begun is the culprit, and
the file runs again without it, so that one hang does not hide the rest.
"""

import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

from conformance.files import own

__all__ = ["LAUNCHERS", "run"]

LAUNCHERS = {
    "stock": ["-m", "test"],
    "weft": ["-m", "weft", "run", "-m", "test"],
    "gevent": ["-m", "gevent.monkey", "--module", "test"],
}
RESOURCES = {"test_socketserver": ["-u", "network"]}  # which means loopback there
QUIET = float(os.environ.get("CONFORMANCE_QUIET", 120))  # seconds without a line of output: the file hangs
LONGEST = 1500  # seconds for a file
ATTEMPTS = 6  # runs of a file, each without the tests that hung or crashed before

Results = dict[str, str]

BEGUN = re.compile(r"^(\w+) \(([\w.]+)\)", re.MULTILINE)
ENDED = re.compile(r"(?:\.\.\. |^)(ok|FAIL|ERROR|skipped .*|expected failure|unexpected success)$", re.MULTILINE)
WORDS = {"ok": "passed", "expected failure": "passed", "skipped": "skipped"}


def run(name: str, side: str, log: Path, lent: Path | None = None) -> Results:
    """How each test of the file `name` ended under `side` ("stock", "weft", "gevent"): "passed", "failed", "skipped", "hung" or "crashed".

    What the runs print is appended to `log`. A file that this Python came without is taken from the folder `lent`.
    """
    results: Results = {}
    ignored: list[str] = []
    log.unlink(missing_ok=True)
    for _ in range(ATTEMPTS):
        xml, output, verdict = attempt(name, side, ignored, log, lent)
        if xml is not None:
            return results | {test: how for test, how in from_xml(xml).items() if test not in results}
        seen = from_output(output)
        last = next(reversed(seen), None)
        if last is None or last in ignored:
            return results | {f"{name} (the whole file)": verdict}
        partial = seen | {last: verdict}
        results[last] = verdict
        ignored.append(last)
    return {test: how for test, how in partial.items() if test not in results} | results


def attempt(name: str, side: str, ignored: Iterable[str], log: Path, lent: Path | None) -> tuple[str | None, str, str]:
    """One process: its XML (None if it did not come to its end), its output, and what became of it ("ended", "hung", "crashed")."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder, open(log, "ab") as written:
        xml = Path(folder, "results.xml")
        command = [
            sys.executable,
            *LAUNCHERS[side],
            "-v",
            "--junit-xml",
            str(xml),
            *RESOURCES.get(name, []),
            *(word for test in ignored for word in ("-i", test)),
            *wanted(name, lent, Path(folder)),
        ]
        written.write(f"$ {' '.join(command)}\n".encode())
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=listen_to_ctrl_c,
        )
        output, hung = listen(process)
        written.write(output)
        text = output.decode(errors="replace")
        if hung:
            return None, text, "hung"
        return (xml.read_text(), text, "ended") if xml.exists() else (None, text, "crashed")


def wanted(name: str, lent: Path | None, folder: Path) -> list[str]:
    """The words that name the file `name` to regrtest: this Python's own, or a copy of the one in `lent`, as a package below `folder`."""
    if lent is None or own(name):
        return [name]
    package = folder / "lent" / name
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    shutil.copy(lent / f"{name}.py", package / "test_all.py")
    return ["--testdir", str(package.parent), f"{name}.test_all"]


def listen_to_ctrl_c() -> None:
    """A shell's background jobs ignore SIGINT, and tests need it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def listen(process: subprocess.Popen[bytes]) -> tuple[bytes, bool]:
    """All that `process` prints, and whether it had to be ended because it hung."""
    assert process.stdout is not None
    chunks: list[bytes] = []
    hung = False
    end = time.monotonic() + LONGEST
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(5 if process.poll() is not None else min(QUIET, end - time.monotonic())):
                hung = process.poll() is None
                break
            chunk = os.read(process.stdout.fileno(), 65536)
            if not chunk:
                break
            chunks.append(chunk)
            if time.monotonic() > end:
                hung = True
                break
    if not hung:
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            hung = True
    try:
        os.killpg(process.pid, signal.SIGKILL)  # the processes that a test left behind, too
    except ProcessLookupError:
        pass
    process.wait()
    process.stdout.close()
    return b"".join(chunks), hung


def from_xml(text: str) -> Results:
    """The results in JUnit's XML, as regrtest writes it."""
    results: Results = {}
    for case in ElementTree.fromstring(text).iter("testcase"):
        kinds = {child.tag for child in case}
        name = case.get("name", "")
        how = "failed" if kinds & {"error", "failure"} else "skipped" if "skipped" in kinds else "passed"
        if results.get(name) != "failed":
            results[name] = how
    return results


def from_output(text: str) -> Results:
    """The results in what ``-v`` printed, in the order in which the tests began."""
    results: Results = {}
    begun = list(BEGUN.finditer(text))
    for index, match in enumerate(begun):
        test, where = match.groups()
        until = begun[index + 1].start() if index + 1 < len(begun) else len(text)
        ended = ENDED.search(text, match.end(), until)
        if test in where or "." in where:
            results[where] = WORDS.get(ended.group(1).split(" '")[0].split(' "')[0], "failed") if ended else "failed"
    return results
