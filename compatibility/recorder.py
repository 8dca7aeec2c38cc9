"""A pytest plugin that writes how each test ends to a file, a JSON list a line, at the moment when it ends.

It is copied into the environment of a library, so it imports nothing of this package. A run that hangs or dies leaves the name of
the test that had begun, which JUnit's XML does not.
"""

import json
import os
from collections.abc import Generator
from pathlib import Path

import pytest

# Tests replace functions of `os`, and close descriptors: each line is written by the functions of the start, to a file opened anew.
OPEN, WRITE, CLOSE, GETPID = os.open, os.write, os.close, os.getpid


class Recorder:
    """The hooks of one run."""

    def __init__(self, record: Path, skipped: set[str], only: set[str]) -> None:
        """Write to `record`; leave out the tests `skipped`, and run those files alone that `only` names (all if it is empty)."""
        self.record = record
        self.skipped = skipped
        self.only = only
        self.process = GETPID()  # forked children of tests run hooks, too

    def write(self, *words: str) -> None:
        """Append a line."""
        if GETPID() != self.process:
            return
        descriptor = OPEN(self.record, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            WRITE(descriptor, (json.dumps(words) + "\n").encode())
        finally:
            CLOSE(descriptor)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> Generator[None, object, object]:
        """Leave out what another run has done."""
        result = yield
        kept = [item for item in items if item.nodeid not in self.skipped and (not self.only or item.nodeid.split("::")[0] in self.only)]
        if len(kept) < len(items):
            config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
            items[:] = kept
        return result

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Name the test that begins."""
        self.write("begun", nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Say how a part of a test ended: an expected failure is neither passed nor failed."""
        if report.failed:
            self.write("failed", report.nodeid)
        elif report.skipped:
            self.write("xfailed" if hasattr(report, "wasxfail") else "skipped", report.nodeid)
        elif report.when == "call":
            self.write("passed", report.nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Name the test that has ended."""
        self.write("ended", nodeid)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Name a file that could not be imported."""
        if report.failed:
            self.write("failed", f"{report.nodeid} (collection)")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Say that the run came to its end."""
        self.write("finished", str(int(exitstatus)))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("compatibility")
    group.addoption("--compatibility-record", type=Path, help="write how each test ends to this file")
    group.addoption("--compatibility-skip", type=Path, help="leave out the tests that this file names, a JSON list")
    group.addoption("--compatibility-only", type=Path, help="run the test files alone that this file names, a JSON list")


def pytest_configure(config: pytest.Config) -> None:
    """Begin to record, if the command line says where."""
    record = config.getoption("--compatibility-record")
    if record is not None:
        names = [config.getoption(f"--compatibility-{option}") for option in ("skip", "only")]
        skipped, only = ({*json.loads(file.read_text())} if file is not None else set() for file in names)
        config.pluginmanager.register(Recorder(record, skipped, only), "compatibility-recorder-hooks")
