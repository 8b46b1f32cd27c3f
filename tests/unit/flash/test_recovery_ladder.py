"""Which rung follows which, from what failed and what was tried."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.errors import CameraError, DfuError, UsbError, VerifyError
from station.flash.recovery_ladder import Failure, Rung, allowed, failure_of, next_rung
from station.model.recovery_limits import RecoveryLimits
from station.problem import sentence

ALL = RecoveryLimits(port_resets=1, power_cycle="uhubctl -l {hub} -p {port} -a cycle")
TIMED_OUT = UsbError("usb.timeout", sentence("no answer"))


def ladder(failure: Failure, limits: RecoveryLimits = ALL) -> list[Rung]:
    """All rungs, where none helps."""
    taken: list[Rung] = []
    while (rung := next_rung(failure, taken[-1] if taken else None, Counter(taken), limits, 0.0)) is not None:
        taken.append(rung)
    return taken


@pytest.mark.parametrize(
    ("error", "in_block", "rungs"),
    [
        (DfuError("dfu.err_write", sentence("errWRITE")), True, []),
        (UsbError("usb.stall", sentence("refused")), True, []),
        (UsbError("usb.stall", sentence("refused")), False, []),
        (VerifyError("verify.mismatch", sentence("wrong")), False, []),
        (
            UsbError("usb.io", sentence("I/O error 5")),
            True,
            [Rung.REPEAT_BLOCK, Rung.REOPEN, Rung.RESET_PORT, Rung.CYCLE_POWER],
        ),
        (TIMED_OUT, True, [Rung.REOPEN, Rung.RESET_PORT, Rung.CYCLE_POWER]),
        (TIMED_OUT, False, [Rung.REOPEN, Rung.RESET_PORT, Rung.CYCLE_POWER]),
    ],
)
def test_the_rungs_of_a_camera_that_is_still_there(error: CameraError, in_block: bool, rungs: list[Rung]) -> None:
    assert ladder(failure_of(error, in_block=in_block)) == rungs


def test_one_that_left_is_caught_and_else_needs_its_power() -> None:
    assert ladder(Failure(on_bus=False)) == [Rung.CATCH_WINDOW, Rung.CYCLE_POWER]


def test_a_hub_that_cannot_switch_is_not_asked_to() -> None:
    assert Rung.CYCLE_POWER not in ladder(failure_of(TIMED_OUT, in_block=True), RecoveryLimits())


failures = st.builds(Failure, st.booleans(), st.booleans(), st.booleans(), st.booleans())
limits = st.builds(
    RecoveryLimits,
    *[st.integers(0, 3)] * 5,
    total_s=st.floats(0, 90),
    power_cycle=st.sampled_from(["", "uhubctl {hub} {port}"]),
)


@given(failures, limits, st.dictionaries(st.sampled_from(Rung), st.integers(0, 4)), st.floats(0, 100))
def test_no_limit_is_passed_and_every_ladder_ends(
    failure: Failure, limits: RecoveryLimits, used: dict[Rung, int], spent_s: float
) -> None:
    counts, last, taken = Counter(used), None, []
    while (last := next_rung(failure, last, counts, limits, spent_s)) is not None:
        assert counts[last] < allowed(last, limits)
        assert spent_s < limits.total_s
        counts[last] += 1
        taken.append(last)
    assert len(set(taken)) == len(taken) <= len(Rung)


@given(failures, limits)
def test_a_camera_that_answers_never_loses_its_session(failure: Failure, limits: RecoveryLimits) -> None:
    """A reset makes it leave its bootloader, and with half an image in it it may not come back."""
    if failure.refused:
        assert not {Rung.RESET_PORT, Rung.CYCLE_POWER} & set(ladder(failure, limits))
