"""The yield report in the format that was asked for."""

from __future__ import annotations

from collections.abc import Callable

from station.errors import UsageError
from station.report.text import report_text
from station.report.yield_json import report_csv, report_json
from station.yields.figures import YieldReport


def _report_html(report: YieldReport) -> str:
    # Templates and plots take a while to load, which the other formats need not wait for.
    from station.report.html_report import report_html

    return report_html(report)


FORMATS: dict[str, Callable[[YieldReport], str]] = {
    "text": report_text,
    "json": report_json,
    "csv": report_csv,
    "html": _report_html,
}
"""The report formats by name."""


def check_format(report_format: str) -> None:
    """Errors: UsageError usage.format, for a format that there is not."""
    if report_format not in FORMATS:
        raise UsageError("usage.format", f"no report format {report_format!r}; there are {', '.join(FORMATS)}")


def check_spreadsheet(form: str) -> None:
    """Errors: UsageError usage.format, for a format that is not for spreadsheets."""
    if form != "csv":
        raise UsageError("usage.format", f"--spreadsheet is for --format csv, and --format {form} is another one")


def render_report(report: YieldReport, report_format: str, *, explain: bool = False, spreadsheet: bool = False) -> str:
    """The whole report, ready to be written. Errors: UsageError usage.format.

    `explain` adds what each figure means to the text; the other formats always say it. `spreadsheet` is a
    manner of CSV.
    """
    check_format(report_format)
    if spreadsheet:
        check_spreadsheet(report_format)
        return report_csv(report, spreadsheet=True)
    return report_text(report, explain=True) if explain and report_format == "text" else FORMATS[report_format](report)
