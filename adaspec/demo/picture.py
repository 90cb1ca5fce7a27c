"""The picture of the race: a small panel for each rule, with all others in grey behind it.

So each rule is read against the field, and no legend is needed. The colours are from Okabe and Ito's palette, which
colour-blind readers can tell apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .digits import BATCH, TRAINING
from .race import Effort, Entry

INK, QUIET, GRID, FIELD = "#1f2328", "#6b7178", "#e6e8eb", "#cfd3d8"
LIBRARY, NEWCOMER = "#0072b2", "#d55e00"
COLUMNS, LEFT = 3, 0.062
FONTS = ("Inter", "Source Sans 3", "Helvetica Neue", "Helvetica", "Arial", "DejaVu Sans")

STYLE: dict[Any, Any] = {
    "axes.edgecolor": QUIET, "axes.labelcolor": QUIET, "axes.spines.left": False, "axes.spines.right": False,
    "axes.spines.top": False, "font.size": 9.5, "svg.hashsalt": "adaspec", "text.color": INK, "xtick.color": QUIET,
    "ytick.color": QUIET,
}  # fmt: skip


def draw(entries: Sequence[Entry], newcomer: str, effort: Effort, folder: Path) -> list[Path]:
    """Write `digits.png` and `digits.svg`; the entries stand in the order of their final loss. Needs matplotlib."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context({**STYLE, "font.family": _font()}):
        rows = -(-len(entries) // COLUMNS)
        figure = Figure(figsize=(10.4, 1.95 + 2.5 * rows), facecolor="white")
        FigureCanvasAgg(figure)
        height = figure.get_figheight()
        grid = figure.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False)
        figure.subplots_adjust(LEFT, 0.45 / height, 0.935, 1 - 2.05 / height, wspace=0.27, hspace=0.52)
        _headline(figure, entries, newcomer, effort)
        for place, axes in enumerate(grid.flat):
            if place < len(entries):
                _panel(axes, entries, place, entries[place].spec.name == newcomer)
            else:
                axes.set_visible(False)
        files = [folder / "digits.png", folder / "digits.svg"]
        figure.savefig(files[0], dpi=200, metadata={"Software": None})
        figure.savefig(files[1], metadata={"Date": None, "Creator": None})
    return files


def _headline(figure: Any, entries: Sequence[Entry], newcomer: str, effort: Effort) -> None:
    def line(down: float, text: str, **style: Any) -> None:
        figure.text(LEFT, 1 - down / figure.get_figheight(), text, va="baseline", **style)

    line(0.52, f"{words(len(entries))} optimizers, one network, 1,797 handwritten digits", size=18, weight="bold")
    runs = f"the median of {len(effort.seeds)} runs, and the band from the lowest to the highest"
    line(0.83, f"Training loss over {effort.epochs} epochs: {runs}.", color=QUIET, size=10.5)
    rates = f"Each rule runs at the best of {len(effort.rates)} learning rates; the lowest final loss comes first"
    line(1.06, f"{rates}. Grey: the other rules.", color=QUIET, size=10.5)
    line(1.29, f"Orange: {newcomer}, the rule that this demo writes.", color=NEWCOMER, size=10.5)


def _panel(axes: Any, entries: Sequence[Entry], place: int, new: bool) -> None:
    entry = entries[place]
    color = NEWCOMER if new else LIBRARY
    epochs = [step * BATCH / (TRAINING - TRAINING % BATCH) for step in entry.steps]
    axes.set_yscale("log")
    axes.patch.set_visible(False)  # the number at the end of a line stands in the gap before the next panel
    for other in entries:
        if other is not entry:
            axes.plot(epochs, other.median, color=FIELD, lw=0.8, zorder=1)
    runs = list(zip(*(c.losses for c in entry.curves), strict=True))
    axes.fill_between(epochs, [min(r) for r in runs], [max(r) for r in runs], color=color, alpha=0.18, lw=0, zorder=2)
    axes.plot(epochs, entry.median, color=color, lw=1.9, zorder=3, solid_capstyle="round")
    axes.plot(epochs[-1], entry.median[-1], "o", color=color, ms=3.6, zorder=4, clip_on=False)

    axes.text(0, 1.16, entry.spec.name, transform=axes.transAxes, weight="bold", size=11.5, color=color if new else INK)
    share = f"{100 * entry.accuracy:.1f} % of test digits right"
    axes.text(0, 1.045, f"lr {entry.rate:g}, {share}", transform=axes.transAxes, size=8.5, color=QUIET)
    axes.annotate(
        f"{entry.median[-1]:#.2g}", (epochs[-1], entry.median[-1]), xytext=(7, 0), textcoords="offset points",
        va="center", size=9, weight="bold", color=color, annotation_clip=False,
    )  # fmt: skip
    _axes(axes, entries, epochs[-1], place == 0)


def _axes(axes: Any, entries: Sequence[Entry], last: float, named: bool) -> None:
    """Shared ticks: whole powers of ten across, a few epochs along."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator

    ends = [loss for e in entries for c in e.curves for loss in c.losses if math.isfinite(loss) and loss > 0]
    low, high = math.floor(math.log10(min(ends)) * 2) / 2, math.log10(max(e.median[0] for e in entries)) + 0.15
    axes.set_ylim(10**low, 10**high)
    axes.set_xlim(0, last)
    axes.yaxis.set_major_locator(FixedLocator([10.0**k for k in range(math.ceil(low), math.floor(high) + 1)]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(axis="y", color=GRID, lw=0.8, zorder=0)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=8.5)
    step = next((s for s in (1, 2, 5, 10, 20, 50) if last / s <= 4), 100)
    axes.xaxis.set_major_locator(FixedLocator(list(range(0, int(last) + 1, step))))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.tick_params(axis="x", labelbottom=True)
    if named:  # the first panel says once what the numbers under all of them count
        style = {"va": "top", "size": 8.5, "color": QUIET}
        axes.annotate("epochs", (1, 0), xytext=(9, -3.5), xycoords="axes fraction", textcoords="offset points", **style)


def _font() -> str:
    """The first of our fonts that is there; matplotlib brings the last one along."""
    from matplotlib import font_manager

    there = {font.name for font in font_manager.fontManager.ttflist}
    return next((name for name in FONTS if name in there), FONTS[-1])


def words(count: int) -> str:
    small = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve")
    return small[count] if count < len(small) else str(count)
