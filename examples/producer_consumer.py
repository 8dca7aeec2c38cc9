"""Producers and consumers over a bounded channel: who is too quick waits.

python examples/producer_consumer.py --orders 9 --cooks 3
"""

from weft import monkey

monkey.patch_all()

import argparse
import random
import time

import weft


def take_orders(kitchen: "weft.Channel[int]", count: int) -> None:
    """The producer; closing the channel tells the cooks that there will be no more."""
    with kitchen:
        for number in range(1, count + 1):
            kitchen.send(number)
            print(f"ordered {number}")


def cook(name: str, kitchen: "weft.Channel[int]") -> int:
    """A consumer; returns how many dishes it made."""
    made = 0
    for number in kitchen:
        time.sleep(random.uniform(0.01, 0.03))
        made += 1
        print(f"{name} served {number}")
    return made


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Producers and consumers.")
    parser.add_argument("--orders", type=int, default=9)
    parser.add_argument("--cooks", type=int, default=3)
    options = parser.parse_args()
    kitchen: weft.Channel[int] = weft.Channel(capacity=2)
    with weft.TaskGroup() as group:
        cooks = [group.spawn(cook, f"cook {number}", kitchen) for number in range(1, options.cooks + 1)]
        group.spawn(take_orders, kitchen, options.orders)
    print("dishes made:", sum(task.result() for task in cooks))
