"""The page fetch again: the microseconds of CPU that a page costs the fetcher."""

from bench.fetch import PEERS, TITLES, measure
from bench.work import Work

WORK = Work(
    "fetch, CPU a page",
    "µs",
    {peer: lambda variant, peer=peer: measure(peer, variant)[1] for peer in PEERS if peer != "limit"},  # type: ignore[misc]
    variants=(0, 1, 2),
    titles=TITLES[:3],
)

if __name__ == "__main__":
    WORK.main()
