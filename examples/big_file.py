"""A pipeline over a file that need not fit into memory: the most frequent words, with the stages' progress.

python examples/big_file.py /usr/share/dict/words
"""

from weft import monkey

monkey.patch_all()

import argparse
import re
import sys
from collections import Counter

import weft

WORD = re.compile(r"\w+")


def count(lines: list[str]) -> "Counter[str]":
    """The words of some lines; on a real thread, since it computes and does not wait."""
    return weft.offload(lambda: Counter(word.lower() for line in lines for word in WORD.findall(line)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The most frequent words of a file.")
    parser.add_argument("file")
    parser.add_argument("--top", type=int, default=10)
    options = parser.parse_args()
    totals: Counter[str] = Counter()
    with weft.open(options.file, encoding="utf-8", errors="replace") as file:
        pipeline = file | weft.batch(10_000) | weft.stage(count, concurrency=4, ordered=False) | weft.sink(totals.update)
        running = weft.spawn(pipeline.run)
        while not running.join(timeout=0.5):
            print(pipeline, file=sys.stderr)
        running.result()
    for word, times in totals.most_common(options.top):
        print(f"{times:>10,}  {word}")
