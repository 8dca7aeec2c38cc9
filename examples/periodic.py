"""Jobs at fixed times, beside each other, until Ctrl-C: a slow one does not delay the others, nor itself the next time.

python examples/periodic.py --seconds 3
"""

from weft import monkey

monkey.patch_all()

import argparse
import math
import time
from collections.abc import Callable

import weft


def every(seconds: float, job: Callable[[], object]) -> None:
    """Call ``job()`` every so many seconds, reckoned from the first time; times that a slow job missed are left out."""
    began = time.monotonic()
    while True:
        try:
            job()
        except Exception as error:
            print(f"{job.__name__} failed: {error!r}", flush=True)
        passed = time.monotonic() - began
        time.sleep((math.floor(passed / seconds) + 1) * seconds - passed)


def tick() -> None:
    print("tick", flush=True)


def slow() -> None:
    time.sleep(0.25)
    print("slow job done", flush=True)


def broken() -> None:
    raise RuntimeError("as usual")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Jobs at fixed times.")
    parser.add_argument("--seconds", type=float, help="end after so long (default: at Ctrl-C)")
    options = parser.parse_args()
    try:
        with weft.move_on_after(options.seconds), weft.TaskGroup() as group:
            group.spawn(every, 0.1, tick)
            group.spawn(every, 0.2, slow)
            group.spawn(every, 0.5, broken)
    except KeyboardInterrupt:
        pass
    print("ended")
