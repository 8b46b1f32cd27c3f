"""`station outbox`: what it shows, and what it refuses."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from station.ledger import schema_version
from station.ledger.outbox import Outbox
from station.ledger.recorder import Recorder
from station.model.events import RunFinished
from station.model.runs import RunRecord
from station.model.sinks import Failure, Sink, Tried
from tests.harness import station
from tests.unit.ledger.builders import a_run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "station.toml").write_text('[outbox.mes]\nkind = "folder"\nto = "/nowhere/at/all"\n')
    return tmp_path


@pytest.fixture
def run(folder: Path) -> RunRecord:
    """One that was refused twice."""
    made = a_run()
    schema_version.create_or_check(folder / "data")
    recorder = Recorder(folder / "data", lambda reply: None, sinks=(Sink("mes", "folder", "/nowhere/at/all"),))
    recorder.submit(RunFinished(made))
    assert recorder.close(120)
    outbox = Outbox(folder / "data")
    at = datetime.now(UTC)
    failure = Failure("outbox.refused", "no\x1b[2J such unit", refused=True)
    for _ in range(2):
        outbox.note([Tried("mes", made.run_id, at, failure, at + timedelta(minutes=3))])
    outbox.close()
    return made


def outbox(folder: Path, *words: str) -> tuple[int, str, str]:
    done = station("outbox", *words, "--config", folder / "station.toml", "--data-dir", folder / "data")
    return done.returncode, done.stdout, done.stderr


def test_what_waits_as_json(folder: Path, run: RunRecord) -> None:
    code, printed, _ = outbox(folder, "--json")
    assert code == 0
    found = json.loads(printed)
    (sink,) = found["sinks"]
    assert (sink["sink"], sink["configured"], sink["kind"], sink["to"]) == ("mes", True, "folder", "/nowhere/at/all")
    assert (sink["waiting"], sink["failing"], sink["tries"], sink["code"]) == (1, 1, 2, "outbox.refused")
    (waiting,) = found["waiting"]
    assert (waiting["run_id"], waiting["serial"], waiting["tries"]) == (run.run_id, run.serial, 2)
    assert datetime.fromisoformat(waiting["next_at"]) > datetime.now(UTC)


def test_what_waits_for_people(folder: Path, run: RunRecord) -> None:
    code, printed, _ = outbox(folder)
    assert code == 0
    assert "mes: folder /nowhere/at/all: 1 wait, the oldest for" in printed
    assert run.serial in printed
    assert "\x1b" not in printed


def test_nothing_waits(folder: Path) -> None:
    schema_version.create_or_check(folder / "data")
    assert outbox(folder) == (0, "mes: folder /nowhere/at/all: nothing waits\n", "")


def test_what_is_dropped_needs_a_reason_and_waits_no_more(folder: Path, run: RunRecord) -> None:
    for words in (("mes", "--all"), ("mes", "--reason", "x", "--by", "Ada")):
        code, _, said = outbox(folder, "drop", *words)
        assert (code, said.partition(":")[0]) == (2, "usage.drop")
    code, _, said = outbox(folder, "drop", "mess", "--all", "--reason", "x", "--by", "Ada")
    assert (code, said.partition(":")[0]) == (2, "usage.unknown_sink")
    assert outbox(folder, "drop", "mes", "--run", run.run_id, "--reason", "x", "--by", "Ada")[0] == 0
    assert json.loads(outbox(folder, "--json")[1])["waiting"] == []
    audited = station("audit", "--json", "--config", folder / "station.toml", "--data-dir", folder / "data").stdout
    (row,) = json.loads(audited)
    assert (row["act"], row["subject"], row["who"]) == ("outbox.dropped", "mes", "Ada")
    assert row["details"] == {"run": run.run_id, "reason": "x", "count": 1}


def test_where_nothing_is_dropped_the_audit_says_nothing(folder: Path, run: RunRecord) -> None:
    """Neither where another run was named, nor the second time."""
    for words, wanted in ((("--run", "nosuch"), 2), (("--all",), 0), (("--all",), 2), (("--run", run.run_id), 2)):
        assert outbox(folder, "drop", "mes", *words, "--reason", "x", "--by", "Ada")[0] == wanted
    audited = station("audit", "--json", "--config", folder / "station.toml", "--data-dir", folder / "data").stdout
    assert [(row["act"], row["details"]["run"]) for row in json.loads(audited)] == [("outbox.dropped", "all")]


def test_deliver_says_what_is_left(folder: Path, run: RunRecord) -> None:
    assert outbox(folder, "deliver")[0] == 1
    assert outbox(folder, "retry", "mes")[0] == 0
    (folder / "in").mkdir()
    (folder / "station.toml").write_text(f'[outbox.mes]\nkind = "folder"\nto = "{folder / "in"}"\n')
    code, _, said = outbox(folder, "deliver")
    assert (code, said) == (0, "nothing waits any more\n")
    assert json.loads((folder / "in" / f"{run.run_id}.json").read_text()) == run.to_json()


@pytest.mark.parametrize(
    ("code", "is_well", "fix"),
    [("outbox.unusable", False, "[outbox] of the configuration"), ("outbox.unreachable", True, "")],
)
def test_the_doctor_says_at_once_what_waiting_does_not_mend(
    folder: Path, run: RunRecord, code: str, is_well: bool, fix: str
) -> None:
    outbox_rows = Outbox(folder / "data")
    outbox_rows.note([Tried("mes", run.run_id, datetime.now(UTC), Failure(code, "it answered 401: who"))])
    outbox_rows.close()
    done = station("doctor", "--json", "--config", folder / "station.toml", "--data-dir", folder / "data")
    (found,) = [check for check in json.loads(done.stdout)["checks"] if check["check"] == "outbox mes"]
    assert found["ok"] is is_well
    assert "it answered 401: who" in found["found"]
    assert fix in (found["fix"] or "")


def test_what_is_done_is_said_as_json_too(folder: Path, run: RunRecord) -> None:
    said = [outbox(folder, *words, "--json")[1] for words in (("retry",), ("deliver",))]
    said.append(outbox(folder, "drop", "mes", "--all", "--reason", "x", "--by", "Ada", "--json")[1])
    assert list(map(json.loads, said)) == [{"retried": 1}, {"waiting": 1}, {"dropped": 1}]


def test_without_a_log(folder: Path) -> None:
    code, _, said = outbox(folder)
    assert (code, said.partition(":")[0]) == (4, "ledger.missing")
