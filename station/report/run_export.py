"""Every run, for other programs: JSON lines (complete), CSV (one line per image), or as other systems take them.

Written as they are read, so that no number of runs is too large.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from station.errors import UsageError
from station.json_lines import text_line
from station.model.measurements import measurement_line
from station.model.record_json import field_names
from station.model.runs import AttemptRecord, ImageRecord, RunRecord
from station.model.unit_values import UnitValues
from station.report.cells import BYTE_ORDER_MARK, csv_cell, spreadsheet_cell
from station.report.cfx import cfx_lines
from station.report.openhtf import openhtf_lines
from station.report.render import check_spreadsheet
from station.report.tofupilot import tofupilot_lines
from station.report.wats import wats_lines

RUN_COLUMNS = tuple(name for name in field_names(RunRecord) if name != "attempts")
_OTHERWISE = ("notes", "images", "measurements")
"""An attempt's lists."""
ATTEMPT_COLUMNS = tuple(name for name in field_names(AttemptRecord) if name not in _OTHERWISE)
IMAGE_COLUMNS = field_names(ImageRecord)
_ATTEMPT_HEADER = tuple(name if name.startswith("attempt") else f"attempt_{name}" for name in ATTEMPT_COLUMNS)
CSV_HEADER = (*RUN_COLUMNS, *_ATTEMPT_HEADER, "attempt_notes", *IMAGE_COLUMNS, "measurements")
"""Run columns, attempt columns (`attempt_number` …), image columns, and what the attempt's tests measured."""


def check_export_format(name: str) -> None:
    """UsageError usage.format for a name that is no format."""
    if name not in FORMATS:
        raise UsageError("usage.format", f"no export format {name!r}; there are {', '.join(FORMATS)}")


@dataclass(frozen=True, slots=True)
class Destination:
    """What a system wants to know beside the runs: TofuPilot's procedure, WATS' process code."""

    procedure: str = ""
    process_code: int = 0


def export_lines(
    runs: Iterable[RunRecord],
    export_format: str,
    *,
    spreadsheet: bool = False,
    to: Destination = Destination(),
    unit_keys: Sequence[str] = (),
) -> Iterator[str]:
    """The runs in a format, line by line, each with its line feed.

    `spreadsheet` is a manner of CSV, which has a column at its end for each of `unit_keys`. Errors: UsageError
    usage.format, usage.destination, at once.
    """
    check_export_format(export_format)
    if spreadsheet:
        check_spreadsheet(export_format)
        return csv_lines(runs, spreadsheet=True, unit_keys=unit_keys)
    if export_format == "csv":
        return csv_lines(runs, unit_keys=unit_keys)
    if export_format == "tofupilot":
        if not to.procedure:
            raise UsageError("usage.destination", "TofuPilot wants to know the procedure that the runs are of")
        return tofupilot_lines(runs, to.procedure)
    if export_format == "wats":
        if not to.process_code:
            raise UsageError("usage.destination", "WATS wants to know the process code of the operation")
        return wats_lines(runs, to.process_code)
    return EXPORTS[export_format](runs)


def jsonl_lines(runs: Iterable[RunRecord]) -> Iterator[str]:
    """One JSON object a run, with its attempts and their images; ASCII, so no program can misread it."""
    for run in runs:
        yield text_line(run.to_json())


def csv_lines(runs: Iterable[RunRecord], *, spreadsheet: bool = False, unit_keys: Sequence[str] = ()) -> Iterator[str]:
    """A header, then one line per image; the run's and the attempt's columns repeat.

    An attempt without images and a run without attempts have one line, with the columns that are missing left empty.
    A text that starts like a spreadsheet formula has an apostrophe put before it. For a `spreadsheet` it
    begins with a byte order mark, and no text can be taken for a number or a date.
    """
    in_cell = spreadsheet_cell if spreadsheet else csv_cell
    yield (BYTE_ORDER_MARK if spreadsheet else "") + _csv_line(
        (*CSV_HEADER, *(f"unit_values.{key}" for key in unit_keys))
    )
    for run in runs:
        values = run.unit_values.to_json()
        for attempt, image in _parts(run):
            cells = [_joined(getattr(run, name)) for name in RUN_COLUMNS]
            cells += _cells(attempt, ATTEMPT_COLUMNS)
            cells.append("; ".join(attempt.notes) if attempt else None)
            cells += _cells(image, IMAGE_COLUMNS)
            cells.append("; ".join(map(measurement_line, attempt.measurements)) if attempt else None)
            cells += [values.get(key) for key in unit_keys]
            yield _csv_line(in_cell(cell) for cell in cells)


def _parts(run: RunRecord) -> Iterator[tuple[AttemptRecord | None, ImageRecord | None]]:
    if not run.attempts:
        yield None, None
    for attempt in run.attempts:
        if not attempt.images:
            yield attempt, None
        for image in attempt.images:
            yield attempt, image


def _joined(value: object) -> object:
    if isinstance(value, UnitValues):
        return str(value)
    return "; ".join(value) if isinstance(value, tuple) else value


def _cells(record: object | None, names: tuple[str, ...]) -> list[object]:
    return [None if record is None else getattr(record, name) for name in names]


def _csv_line(cells: Iterable[str]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerow(cells)
    return stream.getvalue()


EXPORTS: dict[str, Callable[[Iterable[RunRecord]], Iterator[str]]] = {
    "jsonl": jsonl_lines,
    "csv": csv_lines,
    "openhtf": openhtf_lines,
    "cfx": cfx_lines,
}
"""The export formats that need nothing but the runs, by name."""
FORMATS = (*EXPORTS, "tofupilot", "wats")
