"""Holding over scripted cameras: the one request that holds, what it tells, and what is tried again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from station.board.board import Board, HoldRule
from station.board.openmv_ae3 import BOOT, OPENMV_AE3
from station.dfu.actions import STALLED
from station.errors import UsbAccessError, UsbBusyError, UsbError
from station.flash import holder
from station.flash.holder import hold
from station.flash.messages import CameraHeld, CameraNotHeld
from station.model.devices import Device
from station.model.runs import Outcome
from station.model.verdicts import Verdict
from station.problem import Sentence
from station.usb.access import UsbAccess
from tests.unit.flash.exchanges import BLOCK_BYTES, CAMERA, CameraAtPort, Exchange, select, transport, upload

PATIENT = replace(OPENMV_AE3, hold=HoldRule(total_s=30, retry_s=30))
HASTY = replace(OPENMV_AE3, hold=HoldRule(total_s=0, retry_s=0))
UNVERSIONED = bytes(BLOCK_BYTES)


def asked(reply: bytes) -> list[Exchange]:
    return [*select(BOOT), *upload(1, reply)]


def held(
    monkeypatch: pytest.MonkeyPatch, board: Board, *sessions: list[Exchange] | Exception
) -> CameraHeld | CameraNotHeld:
    """What holding comes to where the camera is opened so often, with this result each time."""
    waiting = list(sessions)
    opened: list[CameraAtPort] = []

    def open_transport(_access: UsbAccess, device: Device) -> CameraAtPort:
        assert device == CAMERA
        session = waiting.pop(0)
        if isinstance(session, Exception):
            raise session
        opened.append(transport(session))
        return opened[-1]

    monkeypatch.setattr(holder, "open_transport", open_transport)
    answer = hold(UsbAccess(), board, CAMERA)
    assert not waiting
    assert all(made.closed and not made.left for made in opened)
    return answer


def test_one_block_of_the_bootloader_holds_the_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = held(monkeypatch, HASTY, asked(UNVERSIONED))
    assert isinstance(answer, CameraHeld)
    assert answer.device == CAMERA


@pytest.mark.parametrize(
    ("bcd", "block", "bad"), [(0x0103, UNVERSIONED, True), (0x0103, bytes(4), True), (0x0200, UNVERSIONED, False)]
)
def test_a_header_that_should_be_there_and_is_not_is_told(
    monkeypatch: pytest.MonkeyPatch, bcd: int, block: bytes, bad: bool
) -> None:
    device = replace(CAMERA, bcd_device=bcd)
    monkeypatch.setattr(holder, "open_transport", lambda access, device: transport(asked(block)))
    answer = hold(UsbAccess(), HASTY, device)
    assert isinstance(answer, CameraHeld)
    assert (answer.bad_boot_header, answer.bootloader.startswith("<")) == (bad, not bad)


@pytest.mark.parametrize("code", ["usb.disconnected", "usb.io", "usb.timeout"])
def test_the_first_tries_may_come_before_the_kernel_is_ready(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    early = UsbError(code, Sentence("not there yet"))
    assert isinstance(held(monkeypatch, PATIENT, early, early, asked(UNVERSIONED)), CameraHeld)


def test_a_camera_that_refuses_once_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    refusing = [*select(BOOT, STALLED)]
    assert isinstance(held(monkeypatch, PATIENT, refusing, asked(UNVERSIONED)), CameraHeld)


@pytest.mark.parametrize(
    ("error", "outcome", "gone"),
    [
        (UsbError("usb.disconnected", Sentence("gone")), Outcome.FAIL, True),
        (UsbError("usb.timeout", Sentence("silent")), Outcome.FAIL, False),
        (UsbBusyError("usb.busy", Sentence("another program has it")), Outcome.ERROR, False),
        (UsbAccessError("usb.access_denied", Sentence("no permission")), Outcome.ERROR, False),
    ],
)
def test_one_that_cannot_be_held_in_time_says_why(
    monkeypatch: pytest.MonkeyPatch, error: UsbError | UsbAccessError, outcome: Outcome, gone: bool
) -> None:
    answer = held(monkeypatch, HASTY, error)
    assert answer == CameraNotHeld(CAMERA, Verdict(outcome, error.problem), gone)


def test_one_that_is_gone_is_waited_for_much_shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    board = replace(OPENMV_AE3, hold=HoldRule(total_s=30, retry_s=0))
    answer = held(
        monkeypatch, board, UsbError("usb.io", Sentence("early")), UsbError("usb.disconnected", Sentence("gone"))
    )
    assert isinstance(answer, CameraNotHeld)
    assert answer.gone


def test_a_missing_permission_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = held(monkeypatch, PATIENT, UsbAccessError("usb.access_denied", Sentence("no permission")))
    assert isinstance(answer, CameraNotHeld)


def test_a_camera_that_is_given_up_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = held(monkeypatch, HASTY, [*select(BOOT), *upload(1, STALLED)])
    assert isinstance(answer, CameraNotHeld)
    assert (answer.verdict.code, answer.gone) == ("usb.stall", False)
