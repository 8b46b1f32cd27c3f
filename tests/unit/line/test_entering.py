"""Into the bootloader without a replug, case by case: who is asked, who is waited for and how long, who is left."""

from __future__ import annotations

from dataclasses import replace

import pytest

from station.flash.messages import STAYED, BootloaderEntered, BootloaderNotEntered, PowerCycled, PowerNotCycled
from station.line import entering
from station.line.interlock import Skip
from station.line.line_terms import Terms
from station.line.setup import LineSetup
from station.line.slot import Phase
from station.line.slot_events import (
    Arrived,
    AskApplication,
    AskLog,
    CyclePower,
    FindUnit,
    GiveNotice,
    Hold,
    Left,
    LineStopped,
    LogAnswered,
    RerunAsked,
    Restored,
    TakenOut,
    Ticked,
    UnitFound,
)
from station.line.slot_requests import rerun_way
from station.model.devices import Device, DeviceMode
from station.model.runs import Outcome
from station.model.slots import RerunWay, SlotState
from station.model.verdicts import ended_by
from station.problem import Problem, Sentence
from tests.unit.line.quiet_line import SETUP
from tests.unit.line.slot_world import PASSED, SERIALS, SOUND, UHUBCTL, World, forward

APPLICATION = replace(SOUND, address=6, product_id=0x16E3, serial="9fab9ab381000000", mode=DeviceMode.APPLICATION)
BACK = replace(SOUND, address=9)
OTHER = replace(SOUND, address=9, serial=SERIALS[1])
REFUSED = BootloaderNotEntered(APPLICATION, Problem("test.no_repl", Sentence("the camera's REPL does not answer")))
LIMIT_S = SETUP.bootloader_timeout_s + 1
FAIL = replace(PASSED, verdict=ended_by(Outcome.FAIL, "verify.mismatch", Sentence("wrong")))


def world_of(application: str = "leave", **changes: object) -> World:
    """A line with this setting, its one slot empty."""
    setup: LineSetup = replace(SETUP, application=application, **changes)  # type: ignore[arg-type]
    return World(terms=Terms(setup))


def in_application(world: World) -> World:
    """A camera that nobody has seen in its bootloader."""
    world.feed(Arrived(APPLICATION))
    return world


def after_run(world: World, end: object) -> World:
    """The camera had its run here, and its application is back."""
    if world.slot.device is None:
        world.feed(Arrived(SOUND))
    while world.slot.phase is not Phase.RUNNING:
        forward(world, 0.01)
    world.feed(Left())
    world.feed(Arrived(replace(APPLICATION, address=world.keys)), 0.5)
    world.feed(end)  # type: ignore[arg-type]
    while world.slot.phase is not Phase.DONE:
        forward(world, 0.01)
    return world


def entering_world(**changes: object) -> World:
    """A camera that was asked, and has taken the request."""
    world = in_application(world_of(**changes))  # type: ignore[arg-type]
    assert world.feed(RerunAsked()) == (AskApplication(APPLICATION),)
    assert world.slot.view.state is SlotState.ENTERING
    world.feed(BootloaderEntered(APPLICATION))
    return world


def replugged(world: World) -> str:
    """The hint, which is given once."""
    assert world.slot.phase is not Phase.ENTERING
    assert "unplug it and plug it in again" in world.slot.view.message
    return world.slot.view.message


def notices(effects: tuple[object, ...]) -> list[str]:
    return [effect.code for effect in effects if isinstance(effect, GiveNotice)]


# --- asked by hand ----------------------------------------------------------------------------------------------------


def test_a_camera_in_its_application_is_asked_comes_back_and_is_held() -> None:
    world = entering_world()
    world.feed(Left())
    assert world.slot.phase is Phase.ENTERING
    assert world.feed(Arrived(BACK), 1.0) == (Hold(BACK), AskLog(BACK))
    world.settle()
    assert world.slot.last is not None
    assert world.slot.last.serial == BACK.serial


def test_one_that_comes_back_before_its_worker_answered_is_held() -> None:
    world = in_application(world_of())
    world.feed(RerunAsked())
    world.feed(Left())
    assert Hold(BACK) in world.feed(Arrived(BACK))
    assert world.feed(BootloaderEntered(APPLICATION)) == ()
    assert world.slot.phase is Phase.HOLDING


def test_one_that_failed_and_runs_its_application_is_taken() -> None:
    world = after_run(world_of(), FAIL)
    assert world.slot.view.state is SlotState.FAILED
    (asked,) = world.feed(RerunAsked())
    assert asked == AskApplication(world.slot.device)  # type: ignore[arg-type]


def test_asked_twice_it_is_asked_once() -> None:
    world = in_application(world_of())
    world.feed(RerunAsked())
    assert world.feed(RerunAsked()) == ()


def test_one_that_comes_and_goes_by_itself_is_taken_when_it_is_asked_for() -> None:
    world = after_run(
        world_of(), replace(FAIL, verdict=ended_by(Outcome.FAIL, "boot.unstable", Sentence("")), left_by_itself=True)
    )
    world.feed(RerunAsked())
    world.feed(Left())
    assert Hold(BACK) in world.feed(Arrived(BACK), 0.5)


# --- it does not come -------------------------------------------------------------------------------------------------


def test_a_mute_camera_must_be_replugged_and_may_be_asked_again() -> None:
    world = in_application(world_of())
    world.feed(RerunAsked())
    assert notices(world.feed(REFUSED)) == ["notice.not_entered"]
    assert "REPL does not answer" in replugged(world)
    assert (world.slot.view.state, world.slot.code) == (SlotState.APPLICATION, "usb.not_entered")
    assert world.feed(RerunAsked()) == (AskApplication(APPLICATION),)


def test_one_that_says_yes_and_stays() -> None:
    world = entering_world()
    assert world.feed(Ticked(), LIMIT_S - 2) == ()
    assert notices(world.feed(Ticked(), 2)) == ["notice.not_entered"]
    assert STAYED in replugged(world)


def test_one_that_says_yes_and_never_comes_back() -> None:
    world = entering_world()
    world.feed(Left())
    assert notices(world.feed(Ticked(), LIMIT_S)) == ["notice.not_entered"]
    assert "15 s" in replugged(world)
    assert world.slot.view.state is SlotState.EMPTY
    assert world.feed(Arrived(BACK), 50.0) == (Hold(BACK), AskLog(BACK)), "the slot is usable"


def test_one_that_failed_and_does_not_come_still_shows_its_failure() -> None:
    world = after_run(world_of(), FAIL)
    world.feed(RerunAsked())
    assert world.slot.device is not None
    world.feed(replace(REFUSED, device=world.slot.device))
    replugged(world)
    assert (world.slot.view.state, world.slot.code) == (SlotState.FAILED, "verify.mismatch")


def test_one_whose_application_comes_again() -> None:
    world = entering_world()
    world.feed(Left())
    assert notices(world.feed(Arrived(replace(APPLICATION, address=9)))) == ["notice.not_entered"]
    assert entering.CAME_AGAIN in replugged(world)


def test_a_worker_that_never_answers_blocks_no_slot() -> None:
    world = in_application(world_of())
    world.feed(RerunAsked())
    assert notices(world.feed(Ticked(), 100.0)) == ["notice.not_entered"]


def test_a_port_that_vanishes_before_it_was_asked() -> None:
    world = in_application(world_of(power_cycle=UHUBCTL))
    world.feed(RerunAsked())
    world.feed(Left())
    gone = replace(REFUSED, problem=Problem("test.port_vanished", Sentence("the camera's serial port vanished")))
    assert notices(world.feed(gone)) == ["notice.not_entered"], "a hand pulled it: its port needs no power"
    replugged(world)


@pytest.mark.parametrize("failed_before", [False, True])
def test_a_port_that_vanishes_while_it_is_asked_keeps_the_hint_whichever_is_heard_first(failed_before: bool) -> None:
    def asked() -> World:
        world = after_run(world_of(), FAIL) if failed_before else in_application(world_of())
        world.feed(RerunAsked())
        return world

    def shown(world: World) -> tuple[object, ...]:
        return world.slot.view.state, world.slot.code, replugged(world), world.slot.device

    answer_last, answer_first = asked(), asked()
    assert answer_last.slot.device is not None
    gone = replace(REFUSED, device=answer_last.slot.device)
    answer_last.feed(Left())
    answer_last.feed(gone)
    answer_first.feed(gone)
    answer_first.feed(Left(), 1.0)
    assert shown(answer_first) == shown(answer_last)
    assert answer_first.feed(Arrived(BACK), 50.0) == (Hold(BACK), AskLog(BACK)), "the slot is usable"


def test_a_hand_that_follows_the_hint_takes_it_away() -> None:
    world = in_application(world_of())
    world.feed(RerunAsked())
    world.feed(REFUSED)
    world.feed(Left(), 5.0)
    assert (world.slot.view.state, world.slot.code, world.slot.view.message) == (SlotState.EMPTY, None, "")


# --- another one comes ------------------------------------------------------------------------------------------------


def test_another_camera_in_its_place_gets_its_own_run() -> None:
    world = entering_world()
    world.feed(Left())
    assert world.feed(Arrived(OTHER)) == (Hold(OTHER), AskLog(OTHER))


def test_another_board_in_its_place_is_left_alone() -> None:
    world = entering_world()
    world.feed(Left())
    n6 = replace(SOUND, product_id=0x9206, mode=DeviceMode.OTHER)
    assert notices(world.feed(Arrived(n6))) == ["notice.other_board"]


def test_another_application_in_its_place_is_one_of_its_own() -> None:
    world = entering_world()
    world.feed(Left())
    another = replace(APPLICATION, address=8, serial="0829c14000000000")
    assert world.feed(Arrived(another), 5.0)[0] == FindUnit(another)
    assert world.slot.phase is Phase.APPLICATION


@pytest.mark.parametrize(("known", "runs"), [("", True), (SOUND.serial, True), (OTHER.serial, False)])
def test_where_one_unit_is_to_be_flashed_its_port_stands_for_it_unless_the_log_knows_better(
    known: str, runs: bool
) -> None:
    """`station flash --serial` of an application's serial: its bootloader has another one."""
    setup = replace(SETUP, application="enter", only_present=True, accepts=lambda device: device == APPLICATION)
    world = World(terms=Terms(setup))
    assert world.feed(Arrived(APPLICATION)) == (FindUnit(APPLICATION), AskApplication(APPLICATION))
    world.feed(UnitFound(APPLICATION, known))
    world.terms = replace(world.terms, accepting=False)
    world.feed(Left())
    assert (Hold(BACK) in world.feed(Arrived(BACK))) is runs


# --- the power of its port --------------------------------------------------------------------------------------------


def test_the_power_of_a_mute_camera_is_cycled() -> None:
    world = in_application(world_of(power_cycle=UHUBCTL))
    world.feed(RerunAsked())
    assert world.feed(REFUSED) == (CyclePower(UHUBCTL),)
    world.feed(Left())
    world.feed(PowerCycled("1-1"))
    assert Hold(BACK) in world.feed(Arrived(BACK))


def test_one_that_says_yes_and_does_not_come_gets_its_power_cycled_once() -> None:
    world = entering_world(power_cycle=UHUBCTL)
    world.feed(Left())
    assert world.feed(Ticked(), LIMIT_S) == (CyclePower(UHUBCTL),)
    world.feed(PowerCycled("1-1"))
    assert notices(world.feed(Ticked(), LIMIT_S)) == ["notice.not_entered"]


def test_a_command_that_fails_is_one_line_with_both_reasons() -> None:
    world = in_application(world_of(power_cycle=UHUBCTL))
    world.feed(RerunAsked())
    world.feed(REFUSED)
    effects = world.feed(PowerNotCycled("1-1", "uhubctl ended with 1: no hub"))
    assert notices(effects) == ["notice.not_entered"]
    message = replugged(world)
    assert "REPL does not answer" in message
    assert "uhubctl ended with 1: no hub" in message


@pytest.mark.parametrize(("power_cycle", "way"), [("", RerunWay.REPLUG), (UHUBCTL, RerunWay.ENTERING)])
def test_one_that_failed_and_is_off_the_bus(power_cycle: str, way: RerunWay) -> None:
    world = world_of(power_cycle=power_cycle)
    world.feed(Arrived(SOUND))
    while world.slot.phase is not Phase.RUNNING:
        forward(world, 0.01)
    world.feed(Left())
    world.feed(replace(FAIL, verdict=ended_by(Outcome.FAIL, "boot.timeout", Sentence(""))))
    while world.slot.phase is not Phase.DONE:
        forward(world, 0.01)
    assert rerun_way(world.slot, world.terms) is way
    effects = world.feed(RerunAsked())
    if way is RerunWay.REPLUG:
        assert effects == ()
        replugged(world)
    else:
        assert effects == (CyclePower(UHUBCTL),)
        assert Hold(BACK) in world.feed(Arrived(BACK), 3.0)


def test_an_empty_slot_gets_no_power_cycle() -> None:
    world = world_of(power_cycle=UHUBCTL)
    assert rerun_way(world.slot, world.terms) is RerunWay.EMPTY
    assert world.feed(RerunAsked()) == ()


# --- by itself --------------------------------------------------------------------------------------------------------


def test_left_is_the_default_and_says_so() -> None:
    assert LineSetup.__dataclass_fields__["application"].default == "leave"
    assert notices(World().feed(Arrived(APPLICATION))) == ["notice.application"]


def test_one_that_is_unknown_or_has_not_passed_is_taken_and_one_that_passed_is_not() -> None:
    world = world_of("take")
    assert world.feed(Arrived(APPLICATION)) == (FindUnit(APPLICATION),)
    assert world.slot.is_awaited, "a line that flashes what is there must wait for this answer"
    assert world.feed(UnitFound(APPLICATION, "")) == (AskApplication(APPLICATION),)
    world = world_of("take")
    world.feed(Arrived(APPLICATION))
    assert notices(world.feed(UnitFound(APPLICATION, SOUND.serial, is_left=True))) == ["notice.application"]
    assert world.slot.phase is Phase.APPLICATION
    assert world.feed(RerunAsked()) == (AskApplication(APPLICATION),), "asked for, it is taken all the same"


@pytest.mark.parametrize("end", [PASSED, FAIL], ids=["passed", "failed"])
@pytest.mark.parametrize("seconds", [0.5, 5.0, 100.0, 1000.0])
@pytest.mark.parametrize("application", ["take", "enter"])
def test_one_that_had_its_run_is_not_taken_again_however_late_its_application_comes(
    end: object, seconds: float, application: str
) -> None:
    world = world_of(application)
    world.feed(Arrived(SOUND))
    while world.slot.phase is not Phase.RUNNING:
        forward(world, 0.01)
    world.feed(Left())
    world.feed(end)  # type: ignore[arg-type]
    while world.slot.phase not in (Phase.DONE, Phase.EMPTY):
        forward(world, 0.01)
    world.feed(Arrived(APPLICATION), seconds)
    effects = world.feed(UnitFound(APPLICATION, ""))
    assert not any(isinstance(effect, AskApplication) for effect in effects)
    assert world.entering == []
    for address in (20, 21, 22):  # its application flickers
        world.feed(Left())
        world.feed(Arrived(replace(APPLICATION, address=address)), 1.0)
        world.feed(UnitFound(replace(APPLICATION, address=address), ""))
    assert world.entering == []


@pytest.mark.parametrize("refusal", ["refused", "stays", "never comes", "comes as application"])
@pytest.mark.parametrize("serial", [APPLICATION.serial, ""])
def test_one_that_cannot_be_taken_is_not_asked_again_by_itself(refusal: str, serial: str) -> None:
    here = replace(APPLICATION, serial=serial)
    world = world_of("take")
    world.feed(Arrived(here))
    world.feed(UnitFound(here, ""))
    if refusal == "refused":
        world.feed(replace(REFUSED, device=here))
    else:
        world.feed(BootloaderEntered(here))
        if refusal != "stays":
            world.feed(Left())
        if refusal != "comes as application":
            world.feed(Ticked(), LIMIT_S)
    world.entering.clear()
    if world.slot.device is None or refusal == "comes as application":
        here = replace(here, address=11)
        world.feed(Arrived(here), 30.0)
        world.feed(UnitFound(here, ""))
    assert world.slot.phase is not Phase.ENTERING
    assert world.entering == []


def test_the_next_camera_in_the_slot_is_taken() -> None:
    world = after_run(world_of("take"), FAIL)
    world.feed(Left())
    another = replace(APPLICATION, address=30, serial="0829c14000000000")
    assert world.feed(Arrived(another), 30.0) == (FindUnit(another),)
    assert world.feed(UnitFound(another, "")) == (AskApplication(another),)


def test_one_that_was_not_held_in_time_is_taken() -> None:
    world = world_of("take")
    world.feed(Arrived(SOUND))
    world.holding.clear()
    world.feed(Left(), 2.0)
    world.feed(Arrived(APPLICATION), 1.0)
    assert world.feed(UnitFound(APPLICATION, "")) == (AskApplication(APPLICATION),)


def test_one_that_passed_is_held_and_looked_into_when_it_is_asked_for() -> None:
    """As a camera that is plugged in: what is to become of one that passed is a setting of its own."""
    world = after_run(world_of(), PASSED)
    world.feed(RerunAsked())
    world.feed(Left())
    world.feed(Arrived(BACK))
    world.feed(LogAnswered(BACK, Skip(Problem("unit.already_passed", Sentence("")))))
    world.settle()
    assert world.slot.last is not None
    assert world.slot.last.code == "unit.already_passed"


# --- the line ---------------------------------------------------------------------------------------------------------


def test_a_slot_that_is_taken_out_or_a_line_that_stops_waits_for_nobody() -> None:
    world = entering_world()
    world.feed(TakenOut("three failed here"))
    assert world.slot.view.state is SlotState.TAKEN_OUT
    assert not world.slot.is_awaited
    assert world.feed(Restored())[0] == FindUnit(APPLICATION)
    world = entering_world()
    world.feed(LineStopped(abort=False))
    assert not world.slot.is_awaited
    world = entering_world()
    world.terms = replace(world.terms, accepting=False, returning=False)
    world.feed(Ticked())
    assert not world.slot.is_awaited, "a line that stops by itself feeds no LineStopped"


@pytest.mark.parametrize(
    ("device", "changes", "way"),
    [
        (SOUND, {}, RerunWay.RERUN),
        (APPLICATION, {}, RerunWay.ENTERING),
        (APPLICATION, {"in_line": False}, RerunWay.LEFT_ALONE),
        (APPLICATION, {"taken_out": True}, RerunWay.LEFT_ALONE),
        (replace(SOUND, mode=DeviceMode.OTHER), {}, RerunWay.LEFT_ALONE),
        (None, {}, RerunWay.EMPTY),
        (None, {"code": "usb.not_held"}, RerunWay.REPLUG),
    ],
)
def test_what_a_request_comes_to(device: Device | None, changes: dict[str, object], way: RerunWay) -> None:
    world = World()
    slot = replace(world.slot, device=device, **changes)  # type: ignore[arg-type]
    assert rerun_way(slot, world.terms) is way
    assert rerun_way(slot, replace(world.terms, accepting=False)) in (RerunWay.LEFT_ALONE, RerunWay.EMPTY)


@pytest.mark.parametrize("later_s", [1.0, 100.0])
def test_a_person_who_restores_the_slot_has_its_camera_taken_once_more(later_s: float) -> None:
    """However long after the camera was last plugged in: that the slot was taken out had ended the first try."""
    world = world_of("take")
    world.feed(Arrived(SOUND))
    world.feed(Left(), 100.0)
    in_application(world)
    world.feed(UnitFound(APPLICATION, ""))
    world.feed(TakenOut("three failed here"))
    world.feed(Restored(), later_s)
    assert world.feed(UnitFound(APPLICATION, "")) == (AskApplication(APPLICATION),)
