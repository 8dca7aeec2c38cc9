"""``python -m conformance``: run CPython's tests under stock Python, weft and gevent, and write the table.

python -m conformance run [--side weft] [FILE ...]     # with this Python; results go to .conformance/
python -m conformance table                            # .conformance/ -> docs/conformance.md; fails below 99.5 %
python -m conformance lost [--python 3.13]             # what passes under stock Python and not under weft, one a line
"""

import argparse
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from conformance import table
from conformance.files import present
from conformance.run import LAUNCHERS, run

VERSION = ".".join(map(str, sys.version_info[:2]))


def keep(name: str, side: str, lent: Path | None) -> None:
    """Run a file, and write its results where ``table`` finds them."""
    folder = table.FOLDER / VERSION / side
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    results = run(name, side, folder / f"{name}.log", lent)
    seconds = time.monotonic() - began
    (folder / f"{name}.json").write_text(
        json.dumps({"python": sys.version.split()[0], "seconds": round(seconds), "results": results}, indent=0)
    )
    counts = {how: list(results.values()).count(how) for how in sorted(set(results.values()))}
    print(f"{VERSION} {side:6} {name:28} {seconds:6.0f} s  {counts}", flush=True)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m conformance", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="run files of CPython's test-suite")
    running.add_argument("--side", action="append", choices=sorted(LAUNCHERS), help="under what (default: all three)")
    running.add_argument("-j", type=int, default=2, help="how many files at once (default 2)")
    running.add_argument("--lent", type=Path, metavar="FOLDER", help="tests of a near release, for the files that this Python came without")
    running.add_argument("files", nargs="*", metavar="FILE", help="such as test_socket (default: all)")
    commands.add_parser("table", help="write docs/conformance.md")
    losing = commands.add_parser("lost", help="list what weft loses")
    losing.add_argument("--python", default=VERSION)
    losing.add_argument("--side", default="weft")
    options = parser.parse_args()
    if options.command == "table":
        return table.write()
    if options.command == "lost":
        print("\n".join(sorted(f"{how:8} {test}" for test, how in table.lost(options.python, options.side).items())))
        return 0
    with ThreadPoolExecutor(options.j) as pool:
        for side in options.side or LAUNCHERS:
            list(pool.map(lambda name: keep(name, side, options.lent), options.files or present(options.lent)))  # noqa: B023
    return 0


if __name__ == "__main__":
    sys.exit(main())
