"""The plots: for each figure, how many times better weft is than each peer, on a logarithmic scale; right of 1 weft is ahead."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.report import Line

COLORS = [*(f"C{number}" for number in range(10)), "black", "gold"]


def draw(path: Path, title: str, lines: "Sequence[Line]") -> bool:
    """Write the plot of some figures of a work to `path`, as SVG. False if weft has no peers there."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "weft"  # the same figures give the same file
    from matplotlib import pyplot
    from matplotlib.ticker import LogLocator, NullLocator

    lines = [line for line in lines if "weft" in line.medians and len(line.medians) > 1]
    if not lines:
        return False
    peers = list(dict.fromkeys(peer for line in lines for peer in line.medians if peer != "weft"))
    figure, axes = pyplot.subplots(figsize=(9, 0.45 * len(lines) + 1.4), layout="constrained")
    axes.axvline(1, color="#888888", linewidth=1)
    for place, peer in enumerate(peers):
        points = [(line.ratio(peer), height) for height, line in enumerate(lines) if peer in line.medians]
        marker = "osD^vPX*<>hp"[place % 12]
        axes.scatter(*zip(*points, strict=True), marker=marker, s=42, label=peer, color=COLORS[place % len(COLORS)], zorder=3)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} x")
    axes.set_yticks(range(len(lines)), [line.title for line in lines])
    axes.invert_yaxis()
    axes.grid(axis="both", color="#dddddd", linewidth=0.6)
    axes.set_title(f"{title}: how many times better weft is", fontsize=11, loc="left")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    figure.savefig(path, format="svg", metadata={"Date": None})
    pyplot.close(figure)
    return True
