"""`station label`: what was missed, and a template tried before a shift."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from station.ledger import label_rows, schema_version
from station.ledger.database import open_writer
from station.ledger.recorder import Recorder
from station.model.events import RunFinished
from station.model.runs import Outcome, RunRecord
from station.model.sinks import Sink
from tests.harness import station
from tests.receivers import free_port
from tests.unit.ledger.builders import a_run

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "deploy/labels/camera.zpl"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "station.toml").write_text(
        f'[outbox.labels]\nkind = "zpl"\nto = "tcp://127.0.0.1:{free_port()}"\ntemplate = "{EXAMPLE}"\n'
    )
    return tmp_path


def missed(folder: Path, *codes: str) -> list[RunRecord]:
    """A log in which labels were missed, for these reasons."""
    printer = Sink("labels", "zpl", "tcp://x:1", outcomes=(Outcome.PASS,), max_age_s=0.001)
    runs = [a_run(serial=f"A{number}") for number in range(len(codes))]
    schema_version.create_or_check(folder / "data")
    recorder = Recorder(folder / "data", lambda reply: None, sinks=(printer,))
    for run in runs:
        recorder.submit(RunFinished(run))
    assert recorder.close(60.0)
    with open_writer(folder / "data").begin() as connection:
        label_rows.drop_unwanted(connection, printer, datetime.now(UTC))
    return runs


def label(folder: Path, *words: str | Path) -> tuple[int, str, str]:
    done = station("label", *words, "--config", folder / "station.toml", "--data-dir", folder / "data")
    return done.returncode, done.stdout, done.stderr


def test_a_label_that_was_missed_is_listed_and_found_by_the_doctor(folder: Path) -> None:
    (run,) = missed(folder, "label.too_old")
    code, printed, _ = label(folder, "--json")
    (found,) = json.loads(printed)["labels"]
    assert (code, found["serial"], found["code"], found["run_id"]) == (0, run.serial, "label.too_old", run.run_id)
    assert "it waited longer than 0.001 s for the printer (label.too_old)" in label(folder)[1]
    doctor = station("doctor", "--json", "--config", folder / "station.toml", "--data-dir", folder / "data")
    checks = {check["check"]: check for check in json.loads(doctor.stdout)["checks"]}
    assert (checks["labels labels"]["ok"], checks["printer labels"]["ok"]) == (False, False)
    assert "station label reprint" in checks["labels labels"]["fix"]
    assert "cannot be reached" in checks["printer labels"]["found"]


def test_a_template_is_tried(folder: Path) -> None:
    code, printed, said = label(folder, "check", EXAMPLE)
    assert (code, "the template is good" in said) == (0, True)
    assert printed.startswith("^XA\n")
    assert "^FDQA,P-000017-4^FS" in printed
    bad = folder / "bad.zpl"
    bad.write_text("^XA^FD{{ serial }}^FS^XZ")
    code, printed, said = label(folder, "check", bad)
    assert (code, printed) == (2, "")
    assert said.startswith("label.template: ")
    assert "^FH is missing" in said


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("A0",), "usage.reprint"),
        (("A0", "--reason", "it tore", "--printer", "other"), "usage.no_printer"),
        (("B9", "--reason", "it tore"), "usage.unknown_unit"),
    ],
)
def test_a_reprint_says_what_it_needs(folder: Path, words: tuple[str, ...], code: str) -> None:
    missed(folder, "label.too_old")
    status, _, said = label(folder, "reprint", *words)
    assert (status, said.split(":")[0]) == (2, code)
