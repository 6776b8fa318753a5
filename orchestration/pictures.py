"""Small plots for the pages of assets: where one would rather look than read."""

import base64
import io
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg

INK = "#1f2937"
CLAY = "#c2410c"
SAND = "#d6b48a"
BLOCKS = "▁▂▃▄▅▆▇█"


def bars(title: str, heights: Mapping[str, float], *, unit: str = "") -> bytes:
    """A PNG with one horizontal bar per name, the largest on top."""
    figure, axes = _canvas(title, rows=len(heights))
    names = sorted(heights, key=lambda name: heights[name])
    drawn = axes.barh(names, [heights[name] for name in names], color=CLAY)
    axes.bar_label(drawn, fmt="%.3g", padding=3, color=INK)
    axes.set_xlabel(unit)
    axes.margins(x=0.15)
    return _png(figure)


def histogram(title: str, values: Sequence[float], *, unit: str = "", log: bool = False) -> bytes:
    """A PNG of how the values spread."""
    import numpy as np

    figure, axes = _canvas(title, rows=5)
    positive = [value for value in values if value > 0] if log else list(values)
    if positive:
        edges = np.geomspace(min(positive), max(positive) * 1.0001, 25) if log else 25
        axes.hist(positive, bins=edges, color=CLAY, edgecolor="white")
    if log:
        axes.set_xscale("log")
    axes.set_xlabel(unit)
    return _png(figure)


def intervals(title: str, bounds: Mapping[str, tuple[float, float, float]], *, unit: str = "") -> bytes:
    """A PNG with a horizontal bar per name, the largest mean on top; each is mean, low and high."""
    figure, axes = _canvas(title, rows=len(bounds))
    names = sorted(bounds, key=lambda name: bounds[name][0])
    means = [bounds[name][0] for name in names]
    below, above = (
        [max(0.0, sign * (bounds[name][at] - bounds[name][0])) for name in names] for sign, at in ((-1, 1), (1, 2))
    )
    drawn = axes.barh(names, means, xerr=[below, above], color=CLAY, ecolor=INK, capsize=3)
    axes.bar_label(drawn, labels=[f"{mean:.3g}" for mean in means], label_type="center", color="white")
    axes.set_xlabel(unit)
    return _png(figure)


def expected_band(
    title: str,
    days: Sequence[date],
    values: Sequence[float],
    expected: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    marked: date,
) -> bytes:
    """A PNG of values over days, with what was expected, the band around it, and one day marked."""
    figure, axes = _canvas(title, rows=6)
    axes.fill_between(days, low, high, color=SAND, alpha=0.5, linewidth=0, label="expected band")
    axes.plot(days, expected, color=SAND, label="expected")
    axes.plot(days, values, color=INK, linewidth=1, label="observed")
    axes.plot([marked], [dict(zip(days, values, strict=True))[marked]], "o", color=CLAY)
    return _dated(figure, axes)


def forecast_curves(
    title: str, days: Sequence[date], values: Sequence[float], ahead: Sequence[date], fan: Mapping[str, Sequence[float]]
) -> bytes:
    """A PNG of what was and what is expected to come.

    Parameters
    ----------
    fan
        `mean`, and the ends `low80`, `high80`, `low95` and `high95` of its intervals.
    """
    figure, axes = _canvas(title, rows=6)
    axes.plot(days, values, color=INK, linewidth=1, label="observed")
    for level, alpha in (("95", 0.35), ("80", 0.6)):
        ends = fan[f"low{level}"], fan[f"high{level}"]
        axes.fill_between(ahead, *ends, color=SAND, alpha=alpha, linewidth=0, label=f"{level} %")
    axes.plot(ahead, fan["mean"], color=CLAY, label="forecast")
    return _dated(figure, axes)


def _dated(figure: Any, axes: Any) -> bytes:
    axes.legend(frameon=False, fontsize=8, ncols=4, loc="upper left")
    axes.set_ylim(bottom=0)
    axes.margins(y=0.25)
    figure.autofmt_xdate(rotation=0, ha="center")
    axes.tick_params(axis="x", labelsize=8)
    return _png(figure)


def sparkline(values: Sequence[float]) -> str:
    """One block per value, as high as it is beside the highest."""
    highest = max(values, default=0)
    return "".join(BLOCKS[round(value / highest * (len(BLOCKS) - 1))] if highest > 0 else BLOCKS[0] for value in values)


def shown(png: bytes) -> dg.MarkdownMetadataValue:
    """The picture as metadata that Dagster's UI draws."""
    return dg.MetadataValue.md(f"![plot](data:image/png;base64,{base64.b64encode(png).decode()})")


def table(rows: Sequence[Mapping[str, Any]], *, limit: int = 20) -> dg.TableMetadataValue:
    """The first rows as a table in Dagster's UI; columns are those of the first row."""
    columns = list(rows[0]) if rows else ["nothing"]
    records = [dg.TableRecord({name: _cell(row[name]) for name in columns}) for row in rows[:limit]]
    schema = dg.TableSchema(columns=[dg.TableColumn(name) for name in columns])
    return dg.MetadataValue.table(records, schema)


def _cell(value: Any) -> str | int | float | bool | None:
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _canvas(title: str, *, rows: int) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 1.2 + 0.36 * max(rows, 2)), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left", color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK)
    return figure, axes


def _png(figure: Any) -> bytes:
    target = io.BytesIO()
    figure.savefig(target, format="png", dpi=90)
    return target.getvalue()
