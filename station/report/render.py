"""The yield report in the format that was asked for."""

from __future__ import annotations

from collections.abc import Callable

from station.errors import UsageError
from station.model.yields import YieldReport
from station.report.figures import report_csv, report_json
from station.report.text import report_text

FORMATS: dict[str, Callable[[YieldReport], str]] = {"text": report_text, "json": report_json, "csv": report_csv}
"""The report formats by name."""


def render_report(report: YieldReport, report_format: str) -> str:
    """The whole report, ready to be written. Errors: UsageError usage.format."""
    if report_format == "html":
        raise UsageError("usage.format", "this version makes no HTML report yet; use text, json or csv")
    if report_format not in FORMATS:
        raise UsageError("usage.format", f"no report format {report_format!r}; there are {', '.join(FORMATS)}")
    return FORMATS[report_format](report)
