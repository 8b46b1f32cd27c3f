"""What a line starts with, once an engineer's PIN is set: the usual for everybody, anything else for an engineer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from station.ledger import audit
from station.roles.pin_file import set_pin
from tests.harness import Bench, station
from tests.integration.conftest import MakeBench, camera

PIN = "2580"


def started(bench: Bench, *words: str | Path, **environment: str) -> tuple[int | None, str]:
    """How a line ends that is interrupted as soon as it is ready; what it said."""
    with bench.station(*words, plug=False, environment=environment) as running:
        if any("ready for cameras" in line for line in running.talk):
            running.interrupt()
        running.end()
        return running.process.poll(), "\n".join(running.talk)


def configured(bench: Bench) -> list[tuple[str, str, dict[str, Any]]]:
    rows = [row for row in audit.rows(bench.data_dir) if row.act == "line.configured"]
    return [(row.who, row.role, json.loads(row.details)["changed"]) for row in rows]


@pytest.fixture
def guarded(make_bench: MakeBench, tmp_path: Path) -> Bench:
    """A bench that has worked without a PIN, and has one now."""
    bench = make_bench([camera(1)])
    assert started(bench)[0] == 130
    set_pin(bench.data_dir, "engineer", PIN)
    (tmp_path / "pin").write_text(f"{PIN}\n")
    return bench


def test_the_usual_is_started_by_everybody(guarded: Bench) -> None:
    assert started(guarded)[0] == 130
    assert started(guarded, STATION_LINE__WORKERS_SPARE="1")[0] == 130
    first, second = configured(guarded)
    assert (first[1], second[1]) == ("anybody", "operator")
    assert "bundle" in first[2]
    assert second[2] == {"line.workers_spare": [2, 1]}


@pytest.mark.parametrize(
    ("words", "environment", "named"),
    [
        ((), {"STATION_RUN__VERIFY": "false"}, "run.verify from true to false"),
        ((), {"STATION_RUN__CONFIRM_BOOT": "off"}, "run.confirm_boot from required to off"),
        ((), {"STATION_RUN__ALREADY_PASSED": "skip"}, "run.already_passed from check to skip"),
        ((), {"STATION_TEST__VERSION": "required"}, "test.version from"),
        (("--recipe", "hp"), {}, "recipe from"),
        (("--purpose", "engineering"), {}, "runs for engineering"),
    ],
)
def test_what_is_changed_needs_the_pin(
    guarded: Bench, tmp_path: Path, words: tuple[str, ...], environment: dict[str, str], named: str
) -> None:
    code, said = started(guarded, *words, **environment)
    assert code == 2
    assert "role.engineer_needed: only an engineer may do this: " in said
    assert named in said
    assert len(configured(guarded)) == 1
    assert started(guarded, *words, **environment, STATION_PIN_FILE=str(tmp_path / "pin"))[0] == 130
    assert audit.rows(guarded.data_dir)[-1].role == "engineer"
    if "engineering" not in words:
        assert started(guarded, *words, **environment)[0] == 130, "it is approved now"
    assert started(guarded)[0] == (130 if "engineering" in words else 2)


def test_a_service_gets_its_changed_configuration_approved(guarded: Bench, tmp_path: Path) -> None:
    changed = {"STATION_RUN__MAX_ATTEMPTS": "3"}
    assert started(guarded, **changed)[0] == 2
    words = ("pin", "approve", "--bundle", guarded.release, "--by", "Ada", "--data-dir", guarded.data_dir)
    assert station(*words, STATION_RUN__MAX_ATTEMPTS="3").returncode == 2
    told = station(*words, STATION_RUN__MAX_ATTEMPTS="3", STATION_PIN_FILE=str(tmp_path / "pin"))
    assert told.returncode == 0, told.stderr
    assert started(guarded, **changed)[0] == 130
    assert configured(guarded)[-1] == ("Ada", "engineer", {"run.max_attempts": [2, 3]})


def test_flash_is_engineering(guarded: Bench, tmp_path: Path) -> None:
    guarded.line.plug_all()
    told = station("flash", guarded.release, *guarded.words, "--all")
    assert (told.returncode, told.stderr.count("role.engineer_needed")) == (2, 1)
    told = station("flash", guarded.release, *guarded.words, "--all", STATION_PIN_FILE=str(tmp_path / "pin"))
    assert "role." not in told.stderr
    assert audit.rows(guarded.data_dir)[-1].act == "line.engineering"


def test_a_line_without_proofs_says_so_in_each_record(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1)])
    off = {"STATION_RUN__VERIFY": "false", "STATION_RUN__CONFIRM_BOOT": "off"}
    with bench.station("--stop-after", "1", environment=off) as running:
        (run,) = running.runs(1)
        running.end()
    assert run["outcome"] == "PASS"
    assert "nothing was read back: the configuration turns verify off" in run["notes"]
    assert "the application was not waited for: the configuration turns confirm_boot off" in run["notes"]
    told = station("report", "--data-dir", bench.data_dir)
    assert "NOT PROVEN: 1 run passed while verify or confirm_boot was off" in told.stdout


def test_secrets_are_in_no_row(make_bench: MakeBench) -> None:
    from station.wiring.configuration_rows import masked

    assert masked("outbox.api_token", "abc") == "***"
    assert masked("line.power_cycle", "curl http://me:secret@hub/{port_path}") == "curl http://***@hub/{port_path}"
    assert masked("run.already_passed", "skip") == "skip"
    assert masked("run.purpose", "production") == "production"
    assert masked("outbox.headers", {"Auth": "x", "Accept": "y"}) == {"Auth": "***", "Accept": "y"}
    bench = make_bench([camera(1)])
    command = "curl http://me:hunter2@hub/{port_path}"
    assert started(bench, STATION_LINE__POWER_CYCLE=command)[0] == 130
    assert started(bench, STATION_LINE__POWER_CYCLE=command.replace("hunter2", "hunter3"))[0] == 130
    first, second = audit.rows(bench.data_dir)
    assert "hunter" not in first.details + second.details
    assert json.loads(second.details)["changed"] == {"a secret": ["***", "***"]}
