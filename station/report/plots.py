"""The report's plots as SVG, to stand inside a page: grey on white, no script, no font from elsewhere.

Made with pygal: pure Python, small and maintained; the usual alternative, Matplotlib, would bring NumPy and forty
megabytes onto every station for three bar charts.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import pygal
from pygal.style import Style

from station.local_time import time_text
from station.terminal_text import printable
from station.yields.figures import YieldReport

# pygal looks for map plug-ins in every import that follows, by an interface that Python 3.12 no longer knows.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]

_GREY, _BLACK = "#8a8a8a", "#000000"
_STYLE = Style(
    background="white",
    plot_background="white",
    foreground=_BLACK,
    foreground_strong=_BLACK,
    foreground_subtle="#555555",
    opacity="1",
    opacity_hover="1",
    transition="0s",
    colors=(_GREY, _BLACK),
    font_family="sans-serif",
    label_font_size=13,
    major_label_font_size=13,
    value_font_size=13,
    title_font_size=16,
    legend_font_size=13,
    value_colors=(_BLACK, "white"),
)
_MOST_BARS = 24
"""More bars than this are too thin to read; the table beside them has all."""


def failures_plot(report: YieldReport) -> str:
    """Runs by code, the most frequent first; "" where none failed."""
    rows = report.camera_failures[:_MOST_BARS]
    labels = [printable(row.code) or "(none)" for row in rows]
    return _bars(
        "Failed runs by code", labels, [row.count for row in rows], [False] * len(rows), "{:.0f}", upright=False
    )


def hours_plot(report: YieldReport) -> str:
    """Runs that passed in each of the last hours that had any; "" where there is none."""
    rows = report.hours[-_MOST_BARS:]
    labels = [time_text(row.hour_at, "%d.%m. %H:%M") for row in rows]
    return _bars("Passed runs by hour", labels, [row.passed for row in rows], [False] * len(rows), "{:.0f}")


def slots_plot(report: YieldReport) -> str:
    """First-pass yield by slot, suspect slots black; "" where no slot has counted units."""
    rows = [slot for slot in report.slots if slot.first_pass_yield is not None][:_MOST_BARS]
    values = [100 * (slot.first_pass_yield or 0.0) for slot in rows]
    marks = [slot.suspect for slot in rows]
    title = "First-pass yield by slot, % (black: suspect)"
    return _bars(title, [printable(slot.label) for slot in rows], values, marks, "{:.0f}", most=100)


def rates_plot(report: YieldReport) -> str:
    """Mean write rate by slot, suspect slots black; "" where nothing was written."""
    rows = [slot for slot in report.slots if slot.mib_per_s is not None][:_MOST_BARS]
    values = [slot.mib_per_s or 0.0 for slot in rows]
    title = "Mean write rate by slot, MiB/s (black: suspect)"
    return _bars(title, [printable(slot.label) for slot in rows], values, [slot.suspect for slot in rows], "{:.2f}")


def _bars(
    title: str,
    labels: Sequence[str],
    values: Sequence[float],
    marked: Sequence[bool],
    pattern: str,
    *,
    most: float | None = None,
    upright: bool = True,
) -> str:
    if not labels:
        return ""
    kind = pygal.StackedBar if upright else pygal.HorizontalStackedBar
    chart = kind(
        title=title,
        style=_STYLE,
        width=720,
        height=260 if upright else 90 + 32 * len(labels),
        show_legend=False,
        print_values=True,
        print_zeroes=False,
        # A bar of the other shade has no height here, and so no number.
        formatter=lambda value: pattern.format(value) if value else "",
        js=(),
        disable_xml_declaration=True,
        range=(0, most) if most else None,
        include_x_axis=True,
        show_x_labels=upright,
        margin=8,
    )
    # The first bar of a sideways chart stands at the bottom.
    order = range(len(labels)) if upright else range(len(labels) - 1, -1, -1)
    chart.x_labels = [labels[index] for index in order]
    for wanted in (False, True):
        chart.add("", [values[index] if marked[index] is wanted else None for index in order])
    chart.add_xml_filter(_without_scripts)
    return str(chart.render(is_unicode=True))


def _without_scripts(root: Any) -> Any:
    """The chart without what moves and loads: scripts, and the tooltips that they would show."""
    for parent in list(root.iter()):
        for child in list(parent):
            if str(child.tag).rpartition("}")[2] in ("script", "desc"):
                parent.remove(child)
    return root
