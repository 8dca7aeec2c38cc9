"""The command line of the fuzzer."""

import argparse
import os
import sys

from .settings import add_options, from_options

EXAMPLES = """\
examples:
  python -m tests.fuzz --seed 7 --patch            one run of 20 seconds, patched
  python -m tests.fuzz --all --minutes 30 --jobs 2 every configuration in turn, for half an hour
  python -m tests.fuzz --only sockets,queues.put   one subject, and one operation of another
  python -m tests.fuzz --without threads --fork    everything else, with forks
  python -m tests.fuzz --list                      the operations and what they need
  gdb --args python -m tests.fuzz --seed 7 --here  the run itself, without a watcher

A seed decides which operations each task does, and with what arguments. Real time decides how
tasks, OS threads and signals interleave. A finding therefore may need several runs to come again.

Exit status: 0 if every invariant held, 1 otherwise.
"""


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz",
        description="Do random operations on the core in child processes, and check invariants.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_options(parser)
    parser.add_argument("--runs", type=int, default=1, help="how many seeds, one after the other")
    parser.add_argument("--minutes", type=float, default=0, help="start runs for so long")
    parser.add_argument("--jobs", type=int, default=1, help="runs at the same time")
    parser.add_argument("--all", action="store_true", help="rotate through the configurations")
    parser.add_argument("--stop", action="store_true", help="end after the first finding")
    parser.add_argument("--here", action="store_true", help="run in this process, unwatched")
    parser.add_argument("--list", action="store_true", help="list the operations, and end")
    return parser.parse_args()


def main() -> int:
    """Do what the command line asks for."""
    options = parse()
    settings = from_options(options)
    if options.here:
        if settings.poller:
            os.environ["WEFT_POLLER"] = settings.poller
        if settings.patch:
            from weft import monkey

            monkey.patch_all()
        from .world import run

        return run(settings)
    if options.list:
        from .operations import catalogue

        for entry in catalogue():
            print(f"{entry.name:32} {', '.join(entry.needs) or '-':12} {entry.summary}")
        return 0
    from .campaign import Campaign

    return Campaign(settings, options).run()


if __name__ == "__main__":
    sys.exit(main())
