"""A campaign: runs in child processes, each with a watcher of its own.

A run that outlives its time by ``GRACE`` seconds gets SIGABRT, on which faulthandler prints the
stacks of its threads. The run's own watcher prints its parked tasks before that.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from .settings import Settings, rotation

ROOT = Path(__file__).resolve().parent.parent.parent
GRACE = 150.0  # seconds that a run has, beyond its own, to end and to report a hang
SHOWN = 80  # lines of a finding's output


@dataclass
class Run:
    """One child process."""

    settings: Settings
    process: subprocess.Popen[bytes]
    output: IO[bytes]
    deadline: float

    def text(self) -> str:
        """Return what the child printed."""
        self.output.seek(0)
        return self.output.read().decode(errors="replace")


class Campaign:
    """Runs of several seeds, at most ``jobs`` at once."""

    def __init__(self, settings: Settings, options: argparse.Namespace) -> None:
        self.first = settings
        self.rotates: bool = options.all
        self.runs: int = options.runs
        self.jobs: int = options.jobs
        self.stop: bool = options.stop
        self.end = time.monotonic() + options.minutes * 60
        self.timed = options.minutes > 0
        self.started = 0
        self.findings: list[Settings] = []

    def more(self) -> bool:
        """Return True if another run is to start."""
        if self.stop and self.findings:
            return False
        return time.monotonic() < self.end if self.timed else self.started < self.runs

    def start(self) -> Run:
        """Start the next run."""
        number, self.started = self.started, self.started + 1
        settings = replace(self.first, seed=self.first.seed + number)
        if self.rotates:
            settings = rotation(self.first, number)
        output = tempfile.TemporaryFile()  # noqa: SIM115  # closed when the run is over
        environment = {**os.environ, "PYTHONFAULTHANDLER": "1"}
        if settings.poller:
            environment["WEFT_POLLER"] = settings.poller
        flags = [f"-W{option}" for option in sys.warnoptions] + ["-Xdev"] * sys.flags.dev_mode
        process = subprocess.Popen(
            [sys.executable, *flags, "-m", "tests.fuzz", *settings.arguments(), "--here"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        print("start  " + " ".join(settings.arguments()), flush=True)
        return Run(settings, process, output, time.monotonic() + settings.seconds + GRACE)

    def finish(self, run: Run) -> None:
        """Report how a run ended."""
        status = run.process.returncode
        text = run.text()
        run.output.close()
        lines = text.rstrip().splitlines() or [""]
        if status == 0:
            print("ok     " + lines[-1], flush=True)
            return
        self.findings.append(run.settings)
        ended = f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
        print(f"FOUND  seed {run.settings.seed}, {ended}; its last {SHOWN} lines:")
        print("\n".join("  | " + line for line in lines[-SHOWN:]))
        print(f"  repeat it: {run.settings.command()}", flush=True)

    def watch(self, run: Run) -> bool:
        """Return True once `run` has ended; one that hangs is ended here."""
        if run.process.poll() is None and time.monotonic() > run.deadline:
            os.killpg(run.process.pid, signal.SIGABRT)
            try:
                run.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(run.process.pid, signal.SIGKILL)
                run.process.wait()
        return run.process.poll() is not None

    def run(self) -> int:
        """Do the campaign; return the exit status."""
        live: list[Run] = []
        try:
            while live or self.more():
                while len(live) < self.jobs and self.more():
                    live.append(self.start())
                time.sleep(0.05)
                for run in [run for run in live if self.watch(run)]:
                    live.remove(run)
                    self.finish(run)
        finally:
            for run in live:
                os.killpg(run.process.pid, signal.SIGKILL)
                run.process.wait()
        print(f"{self.started} runs, {len(self.findings)} with a finding")
        for settings in self.findings:
            print("  " + settings.command())
        return 1 if self.findings else 0
