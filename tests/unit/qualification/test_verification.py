"""Which runs verify a slot, and for how long."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from station.model.runs import Outcome, Purpose, RunRecord
from station.qualification.verification import ANY_SLOT, RECIPE, complaint, due, valid_until
from tests.unit.ledger.builders import a_run


def made(outcome: Outcome, code: str | None, minute: float = 0, **changes: Any) -> RunRecord:
    given = {"slot": "A1", "purpose": Purpose.VERIFICATION, "recipe": RECIPE, **changes}
    return a_run(outcome, minute, code=code, **given)


def refused(minute: float = 0, **changes: Any) -> RunRecord:
    return made(Outcome.FAIL, "verify.mismatch", minute, **changes)


def passed(minute: float = 1, **changes: Any) -> RunRecord:
    return made(Outcome.PASS, None, minute, **changes)


def test_a_refusal_and_a_pass_verify_their_slot_for_so_long() -> None:
    until = valid_until([refused(), passed()], 12.0)
    end = passed().finished_at
    assert end is not None
    assert until == {"A1": end + timedelta(hours=12)}
    assert due(("A1", "A2"), until, end + timedelta(hours=11)) == ("A2",)
    assert due(("A1",), until, end + timedelta(hours=12)) == ("A1",)
    assert due((), until, end) == ()
    assert due((), {}, end) == (ANY_SLOT,)


@pytest.mark.parametrize(
    "runs",
    [
        [],
        [passed()],
        [refused()],
        [passed(0), passed(1)],
        [passed(0), refused(1)],
        [made(Outcome.FAIL, "usb.timeout"), passed()],
        [refused(), made(Outcome.FAIL, "boot.timeout", 1)],
        [refused(), passed(), refused(2)],
        [refused(purpose=Purpose.PRODUCTION), passed(purpose=Purpose.PRODUCTION)],
        [refused(recipe="full"), passed(recipe="full")],
        [refused(slot="A2"), passed()],
    ],
)
def test_anything_else_verifies_nothing(runs: list[RunRecord]) -> None:
    assert "A1" not in valid_until(runs, 12.0)


def test_a_wrong_expectation_that_passes_is_said_loudly() -> None:
    assert complaint([passed(0), passed(1)]).startswith("A WRONG EXPECTATION PASSED")
