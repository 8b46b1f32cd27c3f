"""CSV for spreadsheets: read as UTF-8, and every text stays the text that it is."""

from __future__ import annotations

import codecs
import csv
import io
import re
from pathlib import Path

import pytest

from station.ledger import schema_version
from station.ledger.run_import import import_runs
from station.model.runs import Outcome
from station.report.cells import spreadsheet_cell
from tests.unit.cli.conftest import Station
from tests.unit.ledger.builders import a_run

SERIAL = "12345678901E345678901234"


@pytest.fixture
def log(data_dir: Path) -> None:
    schema_version.create_or_check(data_dir)
    run = a_run(Outcome.FAIL, serial=SERIAL, slot="1-2", port_path="1-1.4", batch="2026-11", operator="Zoë 李")
    import_runs(data_dir, [run])


def _shown(cell: str) -> str:
    """What a spreadsheet shows of a cell: of a formula that is a text, the text."""
    literal = re.fullmatch(r'="((?:[^"]|"")*)"', cell)
    return literal[1].replace('""', '"') if literal else cell


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize(
    "words", [["export", "--format", "csv"], ["report", "--batch", "2026-11", "--format", "csv"]], ids=" ".join
)
def test_what_a_spreadsheet_would_change_is_text(station: Station, words: list[str], tmp_path: Path) -> None:
    file = tmp_path / "for excel.csv"
    assert station(*words, "--spreadsheet", "--output", file).exit_code == 0
    assert file.read_bytes().startswith(codecs.BOM_UTF8)
    marked = list(csv.reader(io.StringIO(file.read_text("utf-8-sig"))))
    plain = list(csv.reader(io.StringIO(station(*words).out)))
    cells = [cell for row in marked for cell in row]
    for text in (SERIAL, "1-2", "2026-11"):
        assert f'="{text}"' in cells
        assert text not in cells
    assert [[_shown(cell) for cell in row] for row in marked] == plain
    assert not "".join(plain[0]).startswith("\ufeff")


@pytest.mark.parametrize(
    "text",
    [
        "1-2",
        SERIAL,
        "0012",
        "1e5",
        "3/4",
        "12:30",
        "Mar 1",
        "1.2.3",
        "50 %",
        "1,5",
        "TRUE",
        "false",
        "\uff12\uff10",
        "=1+1",
        "+49 1",
    ],
)
def test_texts_that_would_be_changed(text: str) -> None:
    assert spreadsheet_cell(text) == f'="{text}"'


@pytest.mark.parametrize(("value", "cell"), [(12, "12"), (0.5, "0.5"), (True, "true"), (None, ""), ("PASS", "PASS")])
def test_numbers_stay_numbers(value: object, cell: str) -> None:
    assert spreadsheet_cell(value) == cell


@pytest.mark.parametrize("text", ['1"&cmd', '"1', "=A1&CHAR(9)"])
def test_a_text_cannot_leave_its_quotes(text: str) -> None:
    cell = spreadsheet_cell(text)
    assert _shown(cell) == text
    assert cell.startswith('="')


@pytest.mark.parametrize("text", ["=cmd|x", "@SUM(A)", "-x", "=1\n2", "+" + "1" * 300])
def test_no_text_becomes_a_formula(text: str) -> None:
    assert spreadsheet_cell(text) == f"'{text}"


@pytest.mark.usefixtures("log")
@pytest.mark.parametrize("words", [["report"], ["report", "--json"], ["export"], ["export", "--format", "openhtf"]])
def test_other_formats_are_for_no_spreadsheet(station: Station, words: list[str]) -> None:
    told = station(*words, "--spreadsheet")
    assert (told.exit_code, told.err.partition(":")[0]) == (2, "usage.format")
