"""A pool of workers whose jobs may fail: each is tried again after growing pauses.

python examples/worker_pool.py --jobs 20 --workers 5
"""

from weft import monkey

monkey.patch_all()

import argparse
import random
import time
from collections.abc import Callable
from typing import TypeVar

import weft

T = TypeVar("T")


def with_retries(job: Callable[[], T], tries: int = 5, pause: float = 0.01) -> T:
    """What `job` returns; after an error it is tried again, after a pause that doubles and is never quite the same."""
    for attempt in range(1, tries + 1):
        try:
            with weft.timeout(5):
                return job()
        except Exception as error:
            if attempt == tries:
                raise
            error.add_note(f"attempt {attempt} of {tries}")
        time.sleep(pause * 2**attempt * random.uniform(0.5, 1))
    raise AssertionError("not reached")


def unreliable(number: int) -> int:
    """A job that fails one time in three."""
    time.sleep(0.01)
    if random.random() < 1 / 3:
        raise ConnectionError(f"job {number} was unlucky")
    return number


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A pool of workers with retries.")
    parser.add_argument("--jobs", type=int, default=20)
    parser.add_argument("--workers", type=int, default=5)
    parser.add_argument("--seed", type=int, help="make chance come again")
    options = parser.parse_args()
    random.seed(options.seed)
    done, failed = 0, 0
    with weft.Pool(options.workers) as pool:
        results = [pool.apply_async(with_retries, (lambda number=number: unreliable(number),)) for number in range(options.jobs)]
        for number, result in enumerate(results):
            try:
                result.get()
                done += 1
            except ConnectionError as error:
                failed += 1
                print(f"job {number} was given up: {error}")
    print(f"{done} jobs done, {failed} given up")
