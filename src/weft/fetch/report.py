"""The report of a run: one page that needs nothing else, with its pictures in it."""

import math
from html import escape
from importlib.resources import files

from weft.fetch.tally import PHASES, Latency, Shown, Tally, edge_of

__all__ = ["report"]


ROWS = 300  # requests in the waterfall
WIDTH, LABEL, LINE = 1000, 330, 14  # of the pictures, of their names, of a row: pixels
COLORS = dict(zip(PHASES, ("#8c6bb1", "#e69f00", "#cc79a7", "#56b4e9", "#009e73", "#444444"), strict=True))
PERCENTILES = (50, 75, 90, 95, 99)


def report(tally: Tally, seconds: float) -> str:
    """HTML, with inline SVG; `seconds`: how long the run took."""
    rate = tally.pages / seconds if seconds > 0 else 0
    failed = tally.failed
    facts = {
        "pages": f"{tally.pages:,}",
        "failed": f"{failed:,}",
        "bytes": f"{tally.size:,}",
        "seconds": f"{seconds:,.2f}",
        "pages a second": f"{rate:,.1f}",
        "at once, at most": f"{max(tally.at_once(), default=0):,.0f}",
        "slowest page": f"{tally.slowest:.3f} s",
    }
    sections = [
        ("Waterfall", f"The first {min(len(tally.shown), ROWS):,} requests, by the time when they began.", waterfall(tally.shown[:ROWS])),
        ("Concurrency", "How many requests were on their way at once.", curve(tally.at_once(), tally.slot)),
        (
            "Latency",
            "How many pages took how long; the time on a logarithmic scale.",
            histogram(tally.latencies["total"]),
        ),
        ("Phases", "Seconds, by share of the pages that were quicker.", phases(tally)),
        ("Hosts", "Those with the most pages.", hosts(tally)),
        ("Statuses and errors", "How many of each, and one of them.", errors(tally)),
    ]
    cards = "".join(f"<div><b>{value}</b><span>{name}</span></div>" for name, value in facts.items())
    body = "".join(f"<section><h2>{title}</h2><p>{words}</p>{picture}</section>" for title, words, picture in sections)
    style = files("weft.fetch").joinpath("report.css").read_text()
    title = "weft fetch: report"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{style}</style></head>'
        f'<body><h1>{title}</h1><div class="facts">{cards}</div>{body}</body></html>\n'
    )


def svg(height: float, inner: str, label: str) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{label}">{inner}</svg>'


def shortened(url: str, most: int = 48) -> str:
    """An address that fits, with its end, which tells most."""
    text = url.partition("://")[2] or url
    return escape(text if len(text) <= most else f"{text[: most // 2 - 1]}…{text[-most // 2 :]}")


def waterfall(requests: list[Shown]) -> str:
    """A row a request: a bar a phase."""
    if not requests:
        return "<p>No request.</p>"
    requests = sorted(requests, key=lambda request: request.began)
    end = max(request.began + request.times[-1] for request in requests) or 1e-9
    room = WIDTH - LABEL - 60
    scale = room / end
    parts = [ticks(end, scale, LABEL, LINE * len(requests) + 20)]
    for row, request in enumerate(requests):
        top = 20 + row * LINE
        parts.append(f'<text x="{LABEL - 8}" y="{top + 10}" text-anchor="end">{shortened(request.url)}</text>')
        start = LABEL + request.began * scale
        said = f"{escape(request.url)}&#10;{request.status}, {request.size:,} bytes, {request.times[-1]:.3f} s"
        bars = []
        if len(request.times) == 5:
            before = 0.0
            for phase, until in zip(PHASES, request.times, strict=False):
                if until > before:
                    left, width = start + before * scale, max((until - before) * scale, 0.5)
                    bars.append(f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{LINE - 4}" fill="{COLORS[phase]}"/>')
                    before = until
        else:
            width = max(request.times[-1] * scale, 2)
            bars.append(f'<rect x="{start:.1f}" y="{top}" width="{width:.1f}" height="{LINE - 4}" class="bad"/>')
        parts.append(f"<g>{''.join(bars)}<title>{said}</title></g>")
        parts.append(f'<text x="{start + request.times[-1] * scale + 4:.1f}" y="{top + 10}" class="dim">{escape(request.status)}</text>')
    legend = "".join(f'<span><i style="background:{COLORS[phase]}"></i>{phase}</span>' for phase in PHASES[:5])
    return f'<div class="legend">{legend}</div>' + svg(LINE * len(requests) + 40, "".join(parts), "waterfall of requests")


def ticks(end: float, scale: float, left: float, height: float) -> str:
    """Lines at round moments."""
    step = 10 ** math.floor(math.log10(end))
    step = next(width for width in (step / 5, step / 2, step, step * 2) if end / width <= 8)
    parts = []
    for number in range(int(end / step) + 1):
        x = left + number * step * scale
        parts.append(f'<line x1="{x:.1f}" y1="14" x2="{x:.1f}" y2="{height:.0f}"/>')
        parts.append(f'<text x="{x:.1f}" y="10" text-anchor="middle" class="dim">{number * step:.4g} s</text>')
    return "".join(parts)


def curve(levels: list[float], slot: float) -> str:
    """Requests on their way over time."""
    if not levels:
        return "<p>No request.</p>"
    height, left, most = 180, 50, max(levels)
    scale = (WIDTH - left - 20) / (len(levels) * slot)
    points = [f"{left},{height}"]
    for number, level in enumerate(levels):
        y = height - level / most * (height - 24)
        points += [f"{left + number * slot * scale:.1f},{y:.1f}", f"{left + (number + 1) * slot * scale:.1f},{y:.1f}"]
    points.append(f"{left + len(levels) * slot * scale:.1f},{height}")
    marks = f'<text x="{left - 6}" y="30" text-anchor="end">{most:,.0f}</text><text x="{left - 6}" y="{height}" text-anchor="end">0</text>'
    area = f'<polygon points="{" ".join(points)}" fill="{COLORS["first byte"]}"/>'
    return svg(height + 10, ticks(len(levels) * slot, scale, left, height) + area + marks, "requests on their way over time")


def histogram(latency: Latency) -> str:
    """Pages by the time that they took."""
    if not latency.count:
        return "<p>No page.</p>"
    height, left = 180, 50
    first, last = min(latency.classes), max(latency.classes)
    width = (WIDTH - left - 20) / (last - first + 1)
    most = max(latency.classes.values())
    parts = []
    for number, count in sorted(latency.classes.items()):
        x, tall = left + (number - first) * width, max(count / most * (height - 30), 1)
        until = edge_of(number + 1)
        bar = f'<rect x="{x:.1f}" y="{height - tall:.1f}" width="{max(width - 1, 0.5):.1f}" height="{tall:.1f}" fill="{COLORS["body"]}">'
        parts.append(f"{bar}<title>{count:,} pages, up to {until:.4f} s</title></rect>")
    for share in range(5):
        steps = (last - first + 1) * share / 4
        x, until = left + steps * width, edge_of(first + round(steps))
        parts.append(f'<text x="{x:.1f}" y="{height + 16}" text-anchor="middle" class="dim">{until:.3g} s</text>')
    parts.append(f'<text x="{left - 6}" y="24" text-anchor="end">{most:,}</text>')
    return svg(height + 24, "".join(parts), "histogram of latencies")


def cells(head: list[str], rows: list[list[str]]) -> str:
    top = "".join(f"<th>{name}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def phases(tally: Tally) -> str:
    rows = []
    for phase, latency in tally.latencies.items():
        if latency.count:
            values = [*(latency.percentile(percent) for percent in PERCENTILES), latency.most]
            rows.append([phase, f"{latency.count:,}", *(f"{value:.4f}" for value in values)])
    return cells(["phase", "pages", *(f"{percent} %" for percent in PERCENTILES), "most"], rows)


def hosts(tally: Tally) -> str:
    most = sorted(tally.hosts.items(), key=lambda item: -(item[1].pages + item[1].failed))[:50]
    rows = [[escape(name), f"{host.pages:,}", f"{host.failed:,}", f"{host.size:,}", f"{host.mean:.3f}"] for name, host in most]
    return cells(["host", "pages", "failed", "bytes", "seconds a page"], rows)


def errors(tally: Tally) -> str:
    rows = [[str(status), f"{count:,}", escape(tally.examples.get(str(status), ""))] for status, count in sorted(tally.statuses.items())]
    rows += [[kind, f"{count:,}", escape(tally.examples[kind])] for kind, count in tally.errors.most_common()]
    return cells(["status", "pages", "for example"], rows)
