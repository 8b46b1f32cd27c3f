"""The yield report as one HTML file: plots inside, A4, readable in black and white, nothing loaded from anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from station.report import cells
from station.report.plots import failures_plot, hours_plot, rates_plot, slots_plot
from station.report.text import MOST_HOURS, mixed_sentence, suspicions, unproven_lines, zone_of_report
from station.terminal_text import printable
from station.yields.figures import YieldReport

TEMPLATE = "page.html.j2"


def report_html(report: YieldReport) -> str:
    """The whole page.

    Every figure stands in an element with `data-figure` (its path in the JSON report) and `data-value` (its full
    value), so that a program can read the page too.
    """
    return (
        environment()
        .get_template(TEMPLATE)
        .render(
            report=report,
            data=report.to_json(),
            suspicions=suspicions(report),
            unproven=unproven_lines(report),
            mixed_sentence=mixed_sentence(report),
            most_hours=MOST_HOURS,
            zone=zone_of_report(report),
            # pygal has escaped all text in its own output.
            failures_plot=Markup(failures_plot(report)),
            hours_plot=Markup(hours_plot(report)),
            slots_plot=Markup(slots_plot(report)),
            rates_plot=Markup(rates_plot(report)),
        )
    )


def environment() -> Environment:
    """What a page is made with: every text is escaped, and the filters are those of `cells`."""
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        {
            "share": cells.share,
            "seconds": cells.seconds,
            "rate": cells.rate,
            "number": cells.number,
            "figure": cells.figure,
            "chance": cells.chance,
            "interval": cells.interval,
            "moment": cells.moment,
            "hour": cells.hour,
            "printable": printable,
            "plain": _plain,
        }
    )
    return made


def _plain(value: Any) -> str:
    return "" if value is None else str(value)
