"""``python -m compatibility``: run the test-suites of libraries under stock Python and under weft, and write the table.

scripts/compatibility fetch httpx trio         # get their sources and make their environments, by pip
scripts/compatibility run httpx                # with this Python, both sides; results go to .compatibility/
scripts/compatibility run --side weft          # all libraries, under weft alone
scripts/compatibility run --sources ~/sdists   # sources that are there: NAME-VERSION.tar.gz, or an unpacked folder
scripts/compatibility table                    # .compatibility/ -> docs/compatibility.md; fails below 99.9 %
scripts/compatibility lost --python 3.13       # what passes under stock Python and not under weft, one a line
scripts/compatibility check                    # the small part that continuous integration runs; fails at a difference without a reason
PYTHON=/path/to/python3.11 scripts/compatibility run

Only `fetch` reaches a network. WEFT_COMPATIBILITY names the folder of sources and environments (default ~/.cache/weft/compatibility).
"""

import argparse
import json
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from compatibility import cache, differences, suite, table
from compatibility.libraries import LIBRARIES, Library, chosen

VERSION = cache.VERSION
ABSENT = 3  # the status of ``check`` where nothing was fetched


def say(library: Library, words: str) -> None:
    """Print a line of progress."""
    print(f"{time.strftime('%H:%M:%S')} {VERSION} {library.name:18} {words}", flush=True)


def fetch(libraries: list[Library], sources: Path | None, jobs: int) -> int:
    """Get what the libraries lack. Return 1 if something could not be had."""
    (cache.CACHE / "sources").mkdir(parents=True, exist_ok=True)
    logs = cache.CACHE / "logs"
    logs.mkdir(exist_ok=True)

    def one(library: Library) -> bool:
        if not cache.missing(library, sources):
            say(library, "is there")
            return True
        log = logs / f"{VERSION}-{library.name}.log"
        log.unlink(missing_ok=True)
        began = time.monotonic()
        done = cache.fetch(library, sources, log)
        say(library, f"fetched in {time.monotonic() - began:.0f} s" if done else f"FAILED: pip's words are in {log}")
        return done

    with ThreadPoolExecutor(jobs) as pool:
        return int(not all(list(pool.map(one, libraries))))


def run_side(library: Library, side: str, source: Path, folder: Path) -> suite.Results:
    """Run a suite and keep its results where ``table`` finds them."""
    place = folder / VERSION / side
    place.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    results = suite.steady(suite.run(library, side, source, place / f"{library.name}.log"))
    seconds = round(time.monotonic() - began)
    kept = {"python": sys.version.split()[0], "seconds": seconds, "results": results}
    (place / f"{library.name}.json").write_text(json.dumps(kept, indent=0))
    counts = ", ".join(f"{count} {how}" for how, count in sorted(Counter(results.values()).items()))
    say(library, f"{side:5} {seconds:5} s  {counts}")
    return results


def repeat(library: Library, source: Path, folder: Path) -> None:
    """Run the files again that hold a difference, on both sides, and keep the results."""
    place = folder / VERSION / "again"
    place.mkdir(exist_ok=True)
    file = place / f"{library.name}.json"
    file.unlink(missing_ok=True)
    first = differences.outcome(VERSION, library.name, folder)
    if first is None or not first.differences:
        return
    ended = {test for test, how in first.differences.items() if how in ("hung", "crashed")}  # asking again would take minutes
    tests = [test for test in first.differences if test not in ended]
    files = {test.split("::")[0] for test in tests if "::" in test}
    if not files:
        return
    again: dict[str, list[suite.Results]] = {"stock": [], "weft": []}
    for side, repeated in again.items():
        for turn in range(differences.REPEATS):
            results = suite.steady(suite.run(library, side, source, place / f"{library.name}-{side}.log", files, ended))
            repeated.append({test: results.get(test, "not run") for test in tests})
            passed = sum(results.get(test) == "passed" for test in tests)
            say(library, f"{side:5} again {turn + 1} of {differences.REPEATS}: {passed} of {len(tests)} that differ pass")
    file.write_text(json.dumps(again, indent=0))


def run(libraries: list[Library], sides: list[str], sources: Path | None, folder: Path = differences.FOLDER) -> list[Library]:
    """Run suites, with the repeated runs of what differs if both sides are there. Return the libraries that lack something."""
    absent = []
    for library in libraries:
        lacking = cache.missing(library, sources)
        source = cache.source(library, sources)
        if lacking or source is None:
            say(library, f"ABSENT: {lacking}; `scripts/compatibility fetch {library.name}` gets it")
            absent.append(library)
            continue
        cache.link(library)
        for side in sides:
            run_side(library, side, source, folder)
        repeat(library, source, folder)
        found = differences.outcome(VERSION, library.name, folder)
        if found is not None:
            say(library, f"{len(found.differences)} differ, {len(found.flaky)} flaky on stock, {len(found.unsteady)} unsteady under weft")
    return absent


def check(sources: Path | None) -> int:
    """Run the quick libraries. Return 1 if a difference has no reason, ABSENT if nothing could be run, 0 if all is well."""
    libraries = [library for library in LIBRARIES.values() if library.quick]
    absent = run(libraries, list(suite.LAUNCHERS), sources)
    known = table.named(table.REASONS.read_text())
    status = ABSENT if len(absent) == len(libraries) else 0
    passed = 0
    for library in libraries:
        found = differences.outcome(VERSION, library.name) if library not in absent else None
        if found is None:
            continue
        passed += list(found.weft.values()).count("passed")
        for test, how in found.differences.items():
            if (library.name, test) not in known:
                print(f"{library.name}: {test} {how}")
                status = 1
    print(f"{len(libraries) - len(absent)} of {len(libraries)} suites run; {passed} tests pass under weft")
    return status


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/compatibility", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    getting = commands.add_parser("fetch", help="get sources and environments by pip")
    getting.add_argument("-j", type=int, default=2, help="how many libraries at once (default 2)")
    running = commands.add_parser("run", help="run test-suites")
    running.add_argument("--side", action="append", choices=sorted(suite.LAUNCHERS), help="under what (default: both)")
    checking = commands.add_parser("check", help="run the small part that continuous integration runs")
    for command in (getting, running, checking):
        command.add_argument("--sources", type=Path, metavar="FOLDER", help="sources that are there: sdists or unpacked folders")
    getting.add_argument("--quick", action="store_true", help="what `check` runs")
    for command in (getting, running):
        command.add_argument("libraries", nargs="*", metavar="LIBRARY", help=f"of {', '.join(LIBRARIES)} (default: all)")
    commands.add_parser("table", help="write docs/compatibility.md")
    losing = commands.add_parser("lost", help="list what weft loses")
    losing.add_argument("--python", default=VERSION)
    losing.add_argument("libraries", nargs="*", metavar="LIBRARY")
    options = parser.parse_args()
    try:
        libraries = chosen(getattr(options, "libraries", []))
    except ValueError as error:
        parser.error(str(error))
    if options.command == "fetch":
        wanted = [library for library in libraries if library.quick or not options.quick]
        return fetch(wanted, options.sources, options.j)
    if options.command == "run":
        return int(bool(run(libraries, options.side or list(suite.LAUNCHERS), options.sources)))
    if options.command == "check":
        return check(options.sources)
    if options.command == "lost":
        for library in libraries:
            found = differences.outcome(options.python, library.name)
            for test, how in sorted((found.differences if found else {}).items()):
                print(f"{library.name:18} {how:8} {test}")
        return 0
    return table.write()


if __name__ == "__main__":
    sys.exit(main())
