from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from station.line.interlock import Check, interlock
from station.model.events import UnitHistory
from station.model.runs import RunOptions

PASSED = UnitHistory(
    touched_outcome="PASS",
    touched_bundle_sha256="b1",
    touched_recipe="full",
    touched_verified=True,
    touched_boot_confirmed=True,
)


def code(history: UnitHistory, **options: Any) -> str | None:
    found = interlock(history, RunOptions(**{"already_passed": "skip", **options}), "b1", "full")
    assert not isinstance(found, Check)
    return found.problem.code if found else None


def test_a_unit_that_passed_with_this_bundle_and_recipe_is_skipped() -> None:
    assert code(PASSED) == "unit.already_passed"
    assert code(PASSED, already_passed="reflash") is None


@pytest.mark.parametrize(
    "change",
    [
        {"touched_outcome": "FAIL"},
        {"touched_outcome": "ABORTED"},
        {"touched_outcome": "ERROR"},
        {"touched_outcome": "OPEN"},
        {"touched_outcome": None},
        {"touched_is_newest": False},
        {"touched_bundle_sha256": "b2"},
        {"touched_recipe": "hp"},
        {"touched_verified": False},
        {"touched_boot_confirmed": False},
    ],
)
def test_anything_that_leaves_the_memory_unknown_means_a_run(change: dict[str, Any]) -> None:
    assert code(replace(PASSED, **change)) is None


def test_by_default_the_memory_is_looked_into_and_the_log_alone_skips_nothing() -> None:
    assert interlock(PASSED, RunOptions(), "b1", "full") == Check()
    assert interlock(replace(PASSED, touched_outcome="FAIL"), RunOptions(), "b1", "full") is None


def test_a_weaker_proof_is_enough_where_no_more_is_asked_for() -> None:
    weak = replace(PASSED, touched_verified=False, touched_boot_confirmed=False)
    assert code(weak, verify=False, confirm_boot="off") == "unit.already_passed"
    assert code(weak, verify=False, confirm_boot="required") is None


def test_a_unit_that_failed_too_often_is_set_aside() -> None:
    assert code(UnitHistory("FAIL", failed_runs=2)) is None
    assert code(UnitHistory("FAIL", failed_runs=3)) == "unit.set_aside"
    assert code(UnitHistory("FAIL", failed_runs=3), max_runs=4) is None
