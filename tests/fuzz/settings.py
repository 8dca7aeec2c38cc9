"""The options of one run, and their command line."""

import argparse
import os
import sys
from dataclasses import dataclass, fields, replace

SWITCHES = {
    "patch": "patch the standard library first",
    "gc1": "let the cyclic collector run at nearly every allocation (threshold 1)",
    "fork": "add operations that fork",
    "fd_limit": "add operations that lower RLIMIT_NOFILE for a moment",
    "signals": "let an interval timer strike, with handlers that wait, offload and raise",
    "broken": "add foreign objects that raise, block, switch and re-enter",
}


@dataclass(frozen=True)
class Settings:
    """What one run does. Two runs with equal settings choose the same operations."""

    seed: int = 1
    seconds: float = 20.0
    tasks: int = 60  # how many root tasks run at once
    poller: str = ""  # "" takes the platform's
    patch: bool = False
    gc1: bool = False
    fork: bool = False
    fd_limit: bool = False
    signals: bool = False
    broken: bool = False
    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    def arguments(self) -> list[str]:
        """Return the options that differ from the defaults."""
        words = [f"--seed={self.seed}", f"--seconds={self.seconds:g}"]
        for field in fields(self):
            value = getattr(self, field.name)
            option = "--" + field.name.replace("_", "-")
            if value == field.default or field.name in ("seed", "seconds"):
                continue
            if value is True:
                words.append(option)
            else:
                words.append(f"{option}={','.join(value) if isinstance(value, tuple) else value}")
        return words

    def command(self) -> str:
        """Return the line that repeats the run, for a shell in the project's folder."""
        python = os.path.relpath(sys.executable) if ".venv" in sys.executable else sys.executable
        python = min(python, sys.executable, key=len)
        return " ".join([python, "-m", "tests.fuzz", *self.arguments()])


def names(text: str) -> tuple[str, ...]:
    """Split a list that commas separate."""
    return tuple(filter(None, text.split(",")))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of one run to `parser`."""
    default = Settings()
    parser.add_argument("--seed", type=int, default=default.seed, help="where the choice begins")
    parser.add_argument("--seconds", type=float, default=default.seconds, help="length of a run")
    parser.add_argument("--tasks", type=int, default=default.tasks, help="root tasks at once")
    parser.add_argument("--poller", choices=("epoll", "poll"), default="", help="the poller")
    for name, text in SWITCHES.items():
        parser.add_argument("--" + name.replace("_", "-"), action="store_true", help=text)
    parser.add_argument("--only", type=names, default=(), metavar="NAMES", help="only these")
    parser.add_argument("--without", type=names, default=(), metavar="NAMES", help="all but these")


def from_options(options: argparse.Namespace) -> Settings:
    """Return the settings that a command line asks for."""
    return Settings(**{field.name: getattr(options, field.name) for field in fields(Settings)})


# Each set of switches is one configuration. Together they cover every switch, and both pollers.
ROTATION = (
    {},
    {"patch": True, "fork": True},
    {"gc1": True, "broken": True},
    {"patch": True, "signals": True, "fd_limit": True},
    {"poller": "poll", "fork": True, "broken": True},
    {"poller": "poll", "patch": True, "gc1": True, "signals": True},
    {"patch": True, "fork": True, "fd_limit": True, "signals": True, "broken": True},
    {"gc1": True, "fork": True, "fd_limit": True, "poller": "poll"},
)


def rotation(first: Settings, number: int) -> Settings:
    """Return the settings of run `number` of a campaign over all configurations."""
    return replace(first, seed=first.seed + number, **ROTATION[number % len(ROTATION)])
