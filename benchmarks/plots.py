"""Draws the series of kept results as PNG and SVG, one file for each: results/QUESTION-SERIES.png."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.rcsetup import cycler

from benchmarks.results import RESULTS
from benchmarks.series import BUCKETS_A_DECADE, Series

mpl.use("Agg")

COLOURS = ("#1b6ca8", "#e08e2b", "#4f9d69", "#b5485d", "#7d6bb0", "#8a8a8a", "#2fa6a0")
"""Told apart by colour-blind readers too."""

STYLE: Any = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "svg.hashsalt": "singlewindow",
    "axes.prop_cycle": cycler(color=COLOURS),
}


def draw(results: Mapping[str, Mapping[str, Any]]) -> list[Path]:
    """Draw every series of these results; the PNG files written (an SVG lies beside each)."""
    return [
        _draw_one(f"{question}-{name}", f"{question}: {name}", series)
        for question, told in results.items()
        for name, series in told.get("series", {}).items()
    ]


def _draw_one(file_name: str, title: str, series: Series) -> Path:
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
        _KINDS[series["kind"]](axes, series)
        axes.set_title(title, loc="left", fontweight="bold")
        path = RESULTS / f"{file_name}.png"
        figure.savefig(path, dpi=150)
        figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
        plt.close(figure)
    return path


def _stack(axes: Axes, series: Series) -> None:
    """Horizontal bars of steps, each step in one colour wherever it comes."""
    bars = series["bars"]
    steps = list(dict.fromkeys(step for bar in bars.values() for step in bar))
    left = [0.0] * len(bars)
    for step in steps:
        widths = [bar.get(step, 0.0) for bar in bars.values()]
        axes.barh(list(bars), widths, left=left, label=step, height=0.6)
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.set_ylim(-0.8, max(len(bars), 2) - 0.2)
    for place, end in enumerate(left):
        axes.text(end, place, f" {end:,.0f}", va="center")
    axes.margins(x=0.12)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(series["unit"])
    axes.figure.legend(loc="outside lower center", ncols=3, frameon=False)


def _bars(axes: Axes, series: Series) -> None:
    names, values = list(series["bars"]), list(series["bars"].values())
    drawn = axes.barh(names, values, height=0.6)
    axes.bar_label(drawn, labels=[f" {value:,.0f}" for value in values])
    axes.margins(x=0.12)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(series["unit"])


def _timeline(axes: Axes, series: Series) -> None:
    for name, values in series["lines"].items():
        # the last second is seldom whole
        whole = values[:-1] if len(values) > 2 else values
        axes.plot(range(len(whole)), whole, label=name, linewidth=1.8)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("seconds")
    axes.set_ylabel(series["unit"])
    axes.legend(frameon=False)


def _histogram(axes: Axes, series: Series) -> None:
    """Share of each group in buckets of equal ratio, on a logarithmic axis, with its 99th percentile."""
    ratio = 10 ** (1 / BUCKETS_A_DECADE)
    for (name, buckets), colour in zip(series["groups"].items(), COLOURS, strict=False):
        edges, shares = _outline(buckets, ratio)
        axes.stairs(shares, edges, color=colour, linewidth=1.8, label=name)
        axes.stairs(shares, edges, color=colour, alpha=0.2, fill=True)
        axes.axvline(_percentile(buckets, 0.99) * ratio, color=colour, linestyle=":", linewidth=1.2)
    if series.get("goal"):
        axes.axvline(series["goal"], color="#333333", linestyle="--", linewidth=1.2, label=f"goal {series['goal']:g}")
    axes.set_xscale("log")
    axes.set_xlabel(f"{series['unit']} (dotted: 99 of 100 within)")
    axes.set_ylabel("% of declarations")
    axes.legend(frameon=False)


def _outline(buckets: list[tuple[float, int]], ratio: float) -> tuple[list[float], list[float]]:
    """Edges without gaps from the first bucket to the last, and the share in percent between each two of them."""
    if not buckets:
        return [1.0, 2.0], [0.0]
    total, first = sum(count for _, count in buckets), buckets[0][0]
    counts = {round(math.log(low / first, ratio)): count for low, count in buckets}
    places = range(max(counts) + 1)
    return [first * ratio**place for place in (*places, len(places))], [
        counts.get(place, 0) / total * 100 for place in places
    ]


def _percentile(buckets: list[tuple[float, int]], share: float) -> float:
    """Lower end of the bucket within which this share lies."""
    total, seen = sum(count for _, count in buckets), 0
    for low, count in buckets:
        seen += count
        if seen >= total * share:
            return low
    return 1.0


_KINDS: dict[str, Callable[[Axes, Series], None]] = {
    "stack": _stack,
    "bars": _bars,
    "timeline": _timeline,
    "histogram": _histogram,
}
