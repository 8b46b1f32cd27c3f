"""The boot phase over a scripted camera and a real pipe: what is asked of the camera, and what its port must show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from station.board.openmv_ae3 import HP
from station.dfu.actions import DONE, GONE, STALLED, TIMED_OUT, Broken, Reply
from station.errors import BootError, UsbError
from station.flash.messages import CancelRun, PortChanged
from station.flash.pipe import Cancelled
from station.flash.steps import boot as boot_step
from station.flash.steps.boot import BootJob
from station.model.devices import DeviceMode
from station.model.runs import Outcome, RunOptions
from station.model.verdicts import ended_by
from station.problem import Sentence
from station.usb.scripted import RESET
from tests.unit.flash.exchanges import APPLICATION, CAMERA, Exchange, bench, detach, reset, select

LEFT, IN_DFU, APP = PortChanged(None), PortChanged(CAMERA), PortChanged(APPLICATION)
OTHER = PortChanged(replace(APPLICATION, vendor_id=0x0483, product_id=0xDF11, mode=DeviceMode.OTHER))
LONG = RunOptions(boot_timeout_s=30, boot_stays_s=0.02, return_window_s=0.02)
"""For those that end long before."""
SHORT = replace(LONG, boot_timeout_s=0.2)


@pytest.fixture(autouse=True)
def _short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for limit in ("LEAVE_S", "LEAVE_OLD_BOOTLOADER_S", "UNCONFIRMED_LEAVE_S"):
        monkeypatch.setattr(boot_step, limit, 0.02)


class Boot:
    """One boot phase: `asked` of the camera after its image, and `moves` at the port after each of these requests."""

    def __init__(self, *moves: Sequence[object], asked: list[Exchange] | None = None) -> None:
        self.moves = moves
        self.asked = detach() if asked is None else asked
        self.notes: list[str] = []
        self.serial: str | None = None

    def run(self, options: RunOptions = LONG, bootloader: str = "1.0.3", *, let_go: bool = False) -> bool:
        with bench(select(HP), self.asked, moves=self.moves) as at:
            at.session.select(HP)
            at.line.send(APP)  # of an earlier time: to be forgotten
            job = BootJob(at.session, at.link, CAMERA, bootloader, options, self.notes)
            try:
                if not let_go:
                    return job.run()
                job.let_go()
                return False
            finally:
                self.serial = job.application_serial


@pytest.mark.parametrize("reply", [DONE, STALLED, TIMED_OUT, GONE, Broken(5)])
def test_whatever_detach_is_answered_the_application_on_the_port_is_the_proof(reply: Reply) -> None:
    boot = Boot([LEFT, APP], asked=detach(reply))
    assert boot.run()
    assert (boot.notes, boot.serial) == ([], APPLICATION.serial)


def test_an_application_that_came_before_is_no_proof_and_a_camera_that_left_is_not_asked_again() -> None:
    with pytest.raises(BootError) as caught:
        Boot([LEFT]).run(SHORT)
    assert (caught.value.code, caught.value.retryable) == ("boot.timeout", False)
    assert str(caught.value) == "no application within 0.2 s"


def test_what_came_while_the_machine_was_busy_counts_although_the_limit_is_over() -> None:
    assert Boot([LEFT, APP]).run(replace(LONG, boot_timeout_s=1e-9))


def test_a_camera_that_stays_is_asked_again_and_then_its_port_is_reset() -> None:
    boot = Boot([], [], [LEFT, APP], asked=[*detach(STALLED), *detach(STALLED), *reset()])
    assert boot.run()
    assert boot.notes == ["the reset was asked for again", "the port was reset"]


def test_a_reset_that_fails_is_no_failure() -> None:
    gone: Exchange = (RESET, UsbError("usb.io", Sentence("the port could not be reset")))
    assert Boot([], [], [LEFT, APP], asked=[*detach(), *detach(), gone]).run()


def test_a_bootloader_that_needs_a_reset_gets_it_first() -> None:
    boot = Boot([], [LEFT, APP], asked=[*detach(), *reset()])
    assert boot.run(bootloader="1.0.1")
    assert boot.notes == ["the port was reset"]


def test_a_camera_that_fell_back_is_left_to_boot_once_more_and_that_is_said() -> None:
    with pytest.raises(BootError, match=r"fell back into its bootloader 2 times$"):
        Boot([LEFT, IN_DFU, LEFT, IN_DFU]).run(SHORT)
    assert Boot([LEFT, IN_DFU, LEFT, APP]).run()
    with pytest.raises(BootError, match=r"fell back into its bootloader 1 times$"):
        Boot([IN_DFU]).run(SHORT)


def test_another_device_in_its_place_is_named() -> None:
    with pytest.raises(BootError, match=r"; 0483:DF11 came instead$"):
        Boot([LEFT, OTHER]).run(SHORT)


@pytest.mark.parametrize("back", [APP, IN_DFU])
def test_an_application_that_comes_and_goes_by_itself_is_unstable(back: PortChanged) -> None:
    with pytest.raises(BootError) as caught:
        Boot([LEFT, APP, LEFT, back]).run(replace(LONG, boot_stays_s=5, return_window_s=5))
    assert (caught.value.code, caught.value.retryable) == ("boot.unstable", False)


def test_an_application_that_left_and_does_not_come_back_was_pulled_out() -> None:
    with pytest.raises(Cancelled) as caught:
        Boot([LEFT, APP, LEFT]).run(replace(LONG, boot_stays_s=5))
    request = caught.value.request
    assert (request.verdict.outcome, request.verdict.code) == (Outcome.ABORTED, "operator.unplugged")


def test_how_long_it_stays_is_not_asked_where_nobody_wants_to_know() -> None:
    assert Boot([LEFT, APP, LEFT, APP]).run(replace(LONG, boot_stays_s=0))


@pytest.mark.parametrize(
    ("moves", "note"),
    [([LEFT], "the application was not seen"), ([LEFT, APP, LEFT, APP], "the application came and went")],
)
def test_where_the_confirmation_is_optional_a_missing_one_is_a_note(moves: list[object], note: str) -> None:
    options = replace(SHORT, confirm_boot="optional", boot_stays_s=5, return_window_s=5)
    boot = Boot(moves)
    assert not boot.run(options)
    assert [text for text in boot.notes if text.startswith(note)] == boot.notes


@pytest.mark.parametrize("let_go", [False, True])
@pytest.mark.parametrize(
    ("moves", "asked"),
    [
        (([LEFT],), detach()),
        (([], [LEFT]), [*detach(), *detach()]),
        (([], [], [LEFT]), [*detach(), *detach(), *reset()]),
    ],
)
def test_a_camera_whose_application_nobody_waits_for_must_at_least_leave(
    moves: tuple[Sequence[object], ...], asked: list[Exchange], let_go: bool
) -> None:
    assert not Boot(*moves, asked=asked).run(replace(LONG, confirm_boot="off"), let_go=let_go)


def test_a_cancellation_is_heard_while_the_application_is_waited_for() -> None:
    with pytest.raises(Cancelled):
        Boot([LEFT, CancelRun(ended_by(Outcome.ABORTED, "operator.cancelled", Sentence("cancelled")))]).run()


@pytest.mark.parametrize(
    ("serial", "notes"),
    [
        ("", ["the application shows no serial; the camera was recognized by its port"]),
        ("0123456789", ["the application's serial 0123456789 has none of the known forms"]),
        (CAMERA.serial.lower(), []),
    ],
)
def test_whatever_serial_the_application_shows_decides_nothing(serial: str, notes: list[str]) -> None:
    boot = Boot([LEFT, PortChanged(replace(APPLICATION, serial=serial))])
    assert boot.run()
    assert (boot.notes, boot.serial) == (notes, serial or None)
