from __future__ import annotations

from dataclasses import replace

from station.line.stop_policy import (
    Consequence,
    Limits,
    PauseForFailures,
    StopForErrors,
    StopPolicy,
    TakeSlotOut,
)
from station.model.runs import Outcome
from tests.unit.line.a_run import RUN


def counted(policy: StopPolicy, *runs: tuple[Outcome, str | None, str, str]) -> list[Consequence]:
    """What follows from runs, each an outcome, a code, a serial and a slot."""
    found: list[Consequence] = []
    for number, (outcome, code, serial, slot) in enumerate(runs):
        run = replace(
            RUN, run_id=f"r{number}", outcome=outcome, code=code, serial=serial, slot=slot, port_path=f"1-{slot}"
        )
        found += policy.count(run)
    return found


def errors(count: int) -> list[tuple[Outcome, str | None, str, str]]:
    return [(Outcome.ERROR, "worker.died", f"S{number}", "A1") for number in range(count)]


def fails(count: int, code: str = "boot.timeout", slot: str = "A1") -> list[tuple[Outcome, str | None, str, str]]:
    return [(Outcome.FAIL, code, f"{slot}S{number}", slot) for number in range(count)]


def passed(slot: str) -> tuple[Outcome, str | None, str, str]:
    return Outcome.PASS, None, f"P{slot}", slot


def test_station_errors_in_a_row_stop_the_line_with_a_reason() -> None:
    policy = StopPolicy(Limits(errors=3))
    assert counted(policy, *errors(2)) == []
    (found,) = counted(policy, *errors(1))
    assert isinstance(found, StopForErrors)
    assert "worker.died" in found.message


def test_a_camera_between_them_begins_the_count_of_errors_anew() -> None:
    policy = StopPolicy(Limits(errors=3))
    assert counted(policy, *errors(2), passed("A1"), *errors(2), *fails(1), *errors(2)) == []


def test_a_hub_that_is_lost_is_one_error_however_many_cameras_it_took_along() -> None:
    policy = StopPolicy(Limits(errors=3))
    lost: list[tuple[Outcome, str | None, str, str]] = [
        (Outcome.ERROR, "usb.hub_lost", f"S{number}", f"A{number}") for number in range(8)
    ]
    assert counted(policy, *lost, *lost) == []
    assert len(counted(policy, *lost[:1])) == 1


def test_what_the_operator_did_neither_counts_nor_clears() -> None:
    policy = StopPolicy(Limits(errors=3))
    left: tuple[Outcome, str | None, str, str] = (Outcome.ABORTED, "operator.unplugged", "S", "A1")
    skipped: tuple[Outcome, str | None, str, str] = (Outcome.SKIPPED, "unit.already_passed", "S", "A1")
    assert len(counted(policy, *errors(1), left, *errors(1), skipped, *errors(1))) == 1


def test_no_limit_means_never() -> None:
    policy = StopPolicy(Limits(errors=0, same_failures=0, slot_failures=0))
    assert counted(policy, *errors(20), *fails(20), passed("A2"), *fails(20)) == []


def test_the_same_failure_of_different_cameras_pauses_the_line_and_says_what_to_check() -> None:
    policy = StopPolicy(Limits(same_failures=5))
    assert counted(policy, *fails(2, slot="A1"), *fails(2, slot="A2")) == []
    (found,) = counted(policy, *fails(1, slot="A3"))
    assert isinstance(found, PauseForFailures)
    assert (found.code, found.count) == ("boot.timeout", 5)
    assert "boot.timeout" in found.message


def test_a_pass_or_another_code_begins_the_count_of_failures_anew() -> None:
    policy = StopPolicy(Limits(same_failures=3, slot_failures=0))
    assert counted(policy, *fails(2), passed("A2"), *fails(2), *fails(1, "verify.mismatch", "A2"), *fails(2)) == []


def test_one_camera_that_fails_again_and_again_is_no_row() -> None:
    policy = StopPolicy(Limits(same_failures=3, slot_failures=0))
    assert counted(policy, *fails(1), *fails(1), *fails(1), *fails(1)) == []


def test_cameras_without_a_serial_count_as_failures_and_not_as_station_errors() -> None:
    policy = StopPolicy(Limits(errors=2, same_failures=3))
    zero: tuple[Outcome, str | None, str, str] = (Outcome.ERROR, "identity.default_serial", "0" * 24, "A1")
    runs = [replace(RUN, run_id=f"z{number}", identified=False, outcome=zero[0], code=zero[1]) for number in range(3)]
    found = [consequence for run in runs for consequence in policy.count(run)]
    assert [type(consequence) for consequence in found] == [PauseForFailures]


def test_after_a_pause_it_takes_as_many_again() -> None:
    policy = StopPolicy(Limits(same_failures=3, slot_failures=0))
    assert len(counted(policy, *fails(3))) == 1
    policy.resumed()
    assert counted(policy, *fails(2, slot="A4")) == []


def test_different_cameras_that_fail_in_one_slot_while_others_pass_take_it_out() -> None:
    policy = StopPolicy(Limits(same_failures=0, slot_failures=3))
    found = counted(policy, *fails(2), passed("A2"), *fails(3)[2:])
    assert [type(consequence) for consequence in found] == [TakeSlotOut]
    assert isinstance(found[0], TakeSlotOut)
    assert found[0].port_path == "1-A1"
    assert "station slots restore A1" in found[0].message


def test_a_slot_stays_where_nothing_passes_anywhere_or_one_camera_fails_again() -> None:
    policy = StopPolicy(Limits(same_failures=0, slot_failures=3))
    assert counted(policy, *fails(5)) == []
    policy = StopPolicy(Limits(same_failures=0, slot_failures=3))
    assert counted(policy, *fails(1), passed("A2"), *fails(1), *fails(1), *fails(1)) == []
    policy = StopPolicy(Limits(same_failures=0, slot_failures=3))
    assert counted(policy, *fails(2), passed("A2"), passed("A1"), *fails(2)) == []


def test_a_slot_that_was_restored_is_counted_anew() -> None:
    policy = StopPolicy(Limits(same_failures=0, slot_failures=3))
    counted(policy, *fails(2), passed("A2"))
    policy.restored("1-A1")
    assert counted(policy, *fails(2), passed("A2")) == []
