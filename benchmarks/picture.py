"""The picture of a run: how far from the limit each rule is in each framework, ours and the best peer's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from adaspec.bench.report import TIE
from adaspec.bench.suite import best, ours, over, rival

INK, SOFT, GRID = "#1d2433", "#7a8194", "#e6e8ee"
OURS, BETTER, WORSE, EVEN, PEER = "#0b62d6", "#2a9d5c", "#d1495b", "#b9bfcc", "#59617a"


def draw(record: dict[str, Any], threads: int, path: Path) -> bool:
    """Write the picture of the contests at so many threads as PNG; False, and no file, where there are none."""
    contests = [c for c in record["contests"] if c["threads"] == threads and ours(c) and best(c, "limit")]
    if not contests:
        return False
    columns = list(dict.fromkeys(c["target"] for c in contests))
    rows = list(dict.fromkeys(c["workload"] for c in contests))
    rules = {w: list(dict.fromkeys(c["rule"] for c in contests if c["workload"] == w)) for w in rows}
    heights = [0.25 * len(rules[w]) + 0.35 for w in rows]
    top, bottom = 1.25, 0.75
    size = 1.35 + 3.5 * len(columns), sum(heights) + 0.32 * (len(rows) - 1) + top + bottom
    figure = Figure(figsize=size, facecolor="white", dpi=150)
    FigureCanvasAgg(figure)
    grid = figure.subplots(
        len(rows), len(columns), squeeze=False, sharex=True, gridspec_kw={"height_ratios": heights, "wspace": 0.07},
    )  # fmt: skip
    figure.subplots_adjust(
        left=1.15 / size[0], right=1 - 0.2 / size[0], top=1 - top / size[1], bottom=bottom / size[1],
        hspace=0.32 / (sum(heights) / len(rows)),
    )  # fmt: skip
    place = {(c["target"], c["workload"], c["rule"]): c for c in contests}
    for i, workload in enumerate(rows):
        for j, target in enumerate(columns):
            found = [place.get((target, workload, rule)) for rule in rules[workload]]
            _panel(grid[i][j], found, rules[workload] if j == 0 else None, last=i == len(rows) - 1)
            if i == 0:
                grid[i][j].set_title(target, loc="left", fontsize=12, fontweight="bold", color=INK, pad=20)
            if j == 0:
                grid[i][j].text(
                    0, 1.0, f"{workload}", transform=grid[i][j].transAxes, fontsize=9, color=SOFT, va="bottom",
                    fontweight="bold",
                )  # fmt: skip
    _axis(grid[0][0], contests)
    _words(figure, record, threads, size)
    figure.savefig(path, dpi=150)
    return True


def _panel(axes: Axes, contests: list[dict[str, Any] | None], names: list[str] | None, last: bool) -> None:
    """One framework on one workload: a line for each rule, from the best peer to ours."""
    for y, contest in enumerate(contests):
        if contest is None:
            continue
        mine, peer = ours(contest), rival(contest)
        assert mine is not None
        x = mine["of_limit"]
        if peer is not None:
            ratio = over(peer, mine)
            colour = BETTER if ratio >= TIE else WORSE if ratio <= 1 / TIE else EVEN
            axes.plot([x, peer["of_limit"]], [y, y], color=colour, linewidth=2.4, alpha=0.55, zorder=2)
            axes.plot(peer["of_limit"], y, "o", markersize=5.2, markerfacecolor="white", markeredgecolor=PEER, zorder=3)
            label = f"{ratio:.1f}×" if ratio < 10 else f"{ratio:.0f}×"
            axes.annotate(
                label, (1, y), xycoords=("axes fraction", "data"), xytext=(-4, 0), textcoords="offset points",
                ha="right", va="center", fontsize=7.5, color=SOFT if colour == EVEN else colour, zorder=5,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
            )  # fmt: skip
        axes.plot(x, y, "o", markersize=6, color=OURS, zorder=4)
    axes.axvline(1, color=INK, linewidth=1, zorder=1)
    axes.set_ylim(len(contests) - 0.4, -0.6)
    axes.set_yticks(range(len(contests)), names if names else [""] * len(contests), fontsize=8.5, color=INK)
    axes.tick_params(length=0, labelsize=8.5, colors=INK, labelbottom=last, which="both")
    axes.grid(axis="x", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_facecolor("#fafbfc")


def _axis(axes: Axes, contests: list[dict[str, Any]]) -> None:
    """One scale for all panels, wide enough for the labels on the right."""
    shown = [row["of_limit"] for c in contests for row in (ours(c), rival(c)) if row is not None]
    axes.set_xscale("log")
    axes.set_xlim(min(0.75, 0.9 * min(shown)), 3.2 * max(*shown, 4))
    axes.xaxis.set_major_locator(LogLocator(10, (1, 2, 5) if max(shown) < 60 else (1,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}×"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _words(figure: Figure, record: dict[str, Any], threads: int, size: tuple[float, float]) -> None:
    """What is seen, by whom, where: the heading, the legend and the foot."""
    left = 0.25 / size[0]
    clock = "processor time at one thread" if threads == 1 else f"time on the wall at {threads} threads"
    title, below = (
        "One optimizer step, in multiples of the limit",
        "The limit streams the step's own bytes through memory",
    )
    figure.text(left, 1 - 0.3 / size[1], title, fontsize=14, fontweight="bold", color=INK, va="center")
    figure.text(left, 1 - 0.57 / size[1], f"{below}; {clock}; log scale", fontsize=9.5, color=SOFT, va="center")
    machine = record["machine"]
    versions = " · ".join(f"{name} {v}" for name, v in record["versions"].items() if name in NAMED)
    figure.text(left, 0.16 / size[1], f"{machine['processor']}, {record['when'][:10]} · {versions}", fontsize=7.5,
                color=SOFT, va="center")  # fmt: skip
    x = left
    for colour, fill, text in ((OURS, OURS, "adaspec"), (PEER, "white", "the best peer")):
        figure.text(x, 0.38 / size[1], "●" if fill != "white" else "○", fontsize=10, color=colour, va="center")
        figure.text(x + 0.16 / size[0], 0.38 / size[1], text, fontsize=8.5, color=INK, va="center")
        x += (0.42 + 0.062 * len(text)) / size[0]
    figure.text(x, 0.38 / size[1], "at the right: how many times faster ours is", fontsize=8.5, color=INK, va="center")


NAMED = ("numpy", "torch", "jax", "optax", "tensorflow", "keras")
