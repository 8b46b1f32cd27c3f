"""The engine, one conversation at a time: these requests, for these replies, with this end."""

from __future__ import annotations

from typing import Any

import pytest

from station.dfu.actions import (
    DONE,
    GONE,
    STALLED,
    TIMED_OUT,
    Action,
    Broken,
    ControlIn,
    ControlOut,
    Data,
    Reply,
    SetInterface,
    Wait,
)
from station.dfu.dfu_protocol import Request, State, Status
from station.dfu.engine import DetachResult, Engine, Operation, ProtocolMisuse, ShortFrame, drive
from station.dfu.limits import SameForAll
from station.dfu.transition_table import Belief
from station.errors import CameraError, DfuError
from tests.unit.dfu.ae3_engine import ae3_engine

LIMITS = SameForAll(request_s=1.0, write_s=20.0, manifest_s=3.0, upload_s=4.0, detach_s=5.0)
BLOCK = bytes(range(256)) * 16


def said(state: State, status: int = 0, poll_ms: int = 0) -> Data:
    return Data(Status(status, poll_ms, state).encode())


BUSY = said(State.DFU_DNBUSY)
STORED = said(State.DFU_DNLOAD_IDLE)
MANIFEST = said(State.DFU_MANIFEST)
IDLE = said(State.DFU_IDLE)


class Script:
    """A transport that gives prepared replies and keeps what it was asked, as short words."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.actions: list[Action] = []

    def __call__(self, action: Action) -> Reply:
        self.actions.append(action)
        return self.replies.pop(0)

    @property
    def words(self) -> list[str]:
        return [_word(action) for action in self.actions]


def _word(action: Action) -> str:
    if isinstance(action, SetInterface):
        return f"SELECT {action.alt}"
    if isinstance(action, Wait):
        return f"WAIT {action.duration_s:g}"
    value = f" {action.value}" if action.request in (Request.DNLOAD, Request.UPLOAD) else ""
    return f"{action.request.name}{value} in {action.timeout_s:g}"


def selected(alt: int = 6, label: str = "ROMFS0") -> Engine:
    engine = ae3_engine()
    drive(engine.select(alt, label, LIMITS), Script(DONE))
    return engine


def after_one_block(alt: int = 6) -> Engine:
    engine = selected(alt)
    drive(engine.download_block(0, BLOCK), Script(DONE, BUSY, STORED))
    return engine


def fails(operation: Operation[Any], *replies: Reply) -> tuple[CameraError, list[str]]:
    script = Script(*replies)
    with pytest.raises(CameraError) as caught:
        drive(operation, script)
    assert not script.replies, "not every reply was asked for"
    return caught.value, script.words


def test_a_block_is_three_requests_and_the_last_one_is_patient() -> None:
    script = Script(DONE, BUSY, STORED)
    engine = selected()
    drive(engine.download_block(17, BLOCK), script)
    assert script.words == ["DNLOAD 17 in 1", "GETSTATUS in 1", "GETSTATUS in 20"]
    sent = script.actions[0]
    assert isinstance(sent, ControlOut)
    assert sent.data is BLOCK
    assert engine.belief is Belief.DOWNLOADING


def test_a_memory_view_is_sent_without_a_copy() -> None:
    script = Script(DONE, BUSY, STORED)
    view = memoryview(BLOCK)[16:]
    drive(selected().download_block(0, view), script)
    assert isinstance(script.actions[0], ControlOut)
    assert script.actions[0].data is view


def test_an_upload_gives_the_transports_own_buffer() -> None:
    script = Script(Data(view := memoryview(BLOCK)))
    assert drive(selected().upload_block(3, 4096), script) is view
    assert script.actions == [ControlIn(Request.UPLOAD, 3, 4096, 4.0)]


@pytest.mark.parametrize("size", [0, 4, 4095])
def test_less_than_asked_is_the_end_of_the_partition(size: int) -> None:
    assert drive(selected().upload_block(6144, 4096), Script(Data(b"\0" * size))) == ShortFrame(size)


def test_more_than_asked_is_an_answer_out_of_turn() -> None:
    error, _ = fails(selected().upload_block(0, 16), Data(b"\0" * 17))
    assert error.code == "dfu.protocol"


def test_blocks_may_be_read_between_blocks() -> None:
    engine = after_one_block()
    drive(engine.upload_block(0, 4096), Script(Data(BLOCK)))
    drive(engine.download_block(1, BLOCK), Script(DONE, BUSY, STORED))
    drive(engine.finish_image(), Script(DONE, MANIFEST, IDLE))


def test_the_end_of_an_image() -> None:
    script = Script(DONE, MANIFEST, IDLE)
    engine = after_one_block()
    drive(engine.finish_image(), script)
    assert script.words == ["DNLOAD 0 in 1", "GETSTATUS in 1", "GETSTATUS in 3"]
    assert isinstance(script.actions[0], ControlOut)
    assert script.actions[0].data == b""
    assert engine.belief is Belief.IDLE


def test_a_refused_write_names_block_partition_and_status_and_is_cleared() -> None:
    engine = selected()
    error, words = fails(engine.download_block(17, BLOCK), DONE, BUSY, said(State.DFU_ERROR, 3), DONE)
    assert words[-1] == "CLRSTATUS in 1"
    assert isinstance(error, DfuError)
    assert (error.code, str(error)) == ("dfu.err_write", "block 17 of ROMFS0: errWRITE")
    assert (error.alt, error.block, error.status, error.retryable) == (6, 17, 3, True)
    drive(engine.download_block(17, BLOCK), Script(DONE, BUSY, STORED))


def test_a_block_that_does_not_fit_is_not_tried_again() -> None:
    error, _ = fails(selected().download_block(6144, BLOCK), DONE, BUSY, said(State.DFU_ERROR, 8), DONE)
    assert (error.code, error.retryable) == ("dfu.err_address", False)


def test_the_status_counts_even_where_clearing_it_fails() -> None:
    error, _ = fails(selected().download_block(0, BLOCK), DONE, BUSY, said(State.DFU_ERROR, 3), GONE)
    assert error.code == "dfu.err_write"


@pytest.mark.parametrize(
    ("status", "code"), [(5, "dfu.err_check_erased"), (15, "dfu.err_stalledpkt"), (77, "dfu.error")]
)
def test_every_status_has_a_code(status: int, code: str) -> None:
    error, _ = fails(selected().download_block(0, BLOCK), DONE, BUSY, said(State.DFU_ERROR, status), DONE)
    assert error.code == code
    assert error.hint


def test_an_error_without_a_status_is_out_of_turn() -> None:
    error, words = fails(selected().download_block(0, BLOCK), DONE, BUSY, said(State.DFU_ERROR, 0), DONE)
    assert error.code == "dfu.protocol"
    assert words[-1] == "CLRSTATUS in 1"


def test_a_silent_write_is_asked_once_more_and_never_aborted() -> None:
    script = Script(DONE, BUSY, TIMED_OUT, STORED)
    drive(selected().download_block(0, BLOCK), script)
    assert script.words[1:] == ["GETSTATUS in 1", "GETSTATUS in 20", "GETSTATUS in 20"]


def test_after_the_second_silence_the_camera_is_given_up() -> None:
    engine = selected()
    error, words = fails(engine.download_block(0, BLOCK), DONE, BUSY, TIMED_OUT, TIMED_OUT)
    assert error.code == "usb.timeout"
    assert "ABORT in 1" not in words
    with pytest.raises(ProtocolMisuse):
        drive(engine.abort(), Script())
    assert drive(engine.get_status(), Script(STORED)).state == State.DFU_DNLOAD_IDLE
    assert engine.belief is Belief.DOWNLOADING


def test_a_lost_first_status_does_not_matter_if_the_block_is_stored() -> None:
    drive(selected().download_block(0, BLOCK), Script(DONE, TIMED_OUT, STORED))
    drive(selected().download_block(0, BLOCK), Script(DONE, TIMED_OUT, BUSY, TIMED_OUT, STORED))


@pytest.mark.parametrize(("reply", "code"), [(STALLED, "usb.stall"), (TIMED_OUT, "usb.timeout"), (Broken(5), "usb.io")])
@pytest.mark.parametrize("abort", [DONE, STALLED, TIMED_OUT, Broken(71)], ids=repr)
def test_a_failed_download_is_aborted_and_nothing_else(reply: Reply, code: str, abort: Reply) -> None:
    engine = selected()
    error, words = fails(engine.download_block(5, BLOCK), reply, abort)
    assert words == ["DNLOAD 5 in 1", "ABORT in 1"]
    assert error.code == code
    assert str(error).startswith("block 5 of ROMFS0: ")
    if abort is not DONE:
        with pytest.raises(ProtocolMisuse):
            drive(engine.get_status(), Script())
        drive(engine.select(6, "ROMFS0", LIMITS), Script(DONE))
    drive(engine.download_block(5, BLOCK), Script(DONE, BUSY, STORED))


def test_a_failed_end_of_image_is_aborted_too() -> None:
    error, words = fails(after_one_block().finish_image(), TIMED_OUT, DONE)
    assert (error.code, words[-1]) == ("usb.timeout", "ABORT in 1")


def test_nothing_is_sent_to_a_camera_that_is_gone() -> None:
    engine = selected()
    error, words = fails(engine.download_block(0, BLOCK), GONE)
    assert (error.code, words) == ("usb.disconnected", ["DNLOAD 0 in 1"])
    assert str(error) == "block 0 of ROMFS0: the camera left the bus at DNLOAD"
    for operation in (engine.select(1), engine.get_status(), engine.upload_block(0, 1)):
        error, _ = fails(operation)
        assert error.code == "usb.disconnected"
    assert drive(engine.detach(), Script()) is DetachResult.VANISHED


def test_an_io_error_of_a_camera_that_is_gone_is_a_disconnection() -> None:
    error, _ = fails(selected().download_block(0, BLOCK), Broken(71), GONE)
    assert error.code == "usb.disconnected"


def test_a_block_that_was_dropped_unwritten_is_noticed() -> None:
    """TinyUSB says dfuDNLOAD-IDLE at once where an UPLOAD came between: nothing was written."""
    error, _ = fails(selected().download_block(0, BLOCK), DONE, STORED)
    assert error.code == "dfu.protocol"


def test_a_manifest_that_was_skipped_is_noticed() -> None:
    error, _ = fails(after_one_block().finish_image(), DONE, IDLE)
    assert error.code == "dfu.protocol"


def test_a_poll_time_is_waited_for_but_not_beyond_the_limit() -> None:
    script = Script(
        DONE, said(State.DFU_DNBUSY, poll_ms=15_000), DONE, said(State.DFU_DNBUSY, poll_ms=15_000), DONE, STORED
    )
    drive(selected().download_block(0, BLOCK), script)
    assert [word for word in script.words if word.startswith("WAIT")] == ["WAIT 15", "WAIT 5"]
    busy = said(State.DFU_DNBUSY, poll_ms=15_000)
    error, _ = fails(selected().download_block(0, BLOCK), DONE, busy, DONE, busy, DONE, busy)
    assert error.code == "usb.timeout"


def test_a_poll_time_beyond_the_limit_of_the_whole_block_is_refused_and_not_waited_for() -> None:
    """The field has room for four hours and a half; a few thousand blocks of that would never fail."""
    error, words = fails(selected().download_block(0, BLOCK), DONE, said(State.DFU_DNBUSY, poll_ms=0xFFFFFF))
    assert error.code == "dfu.protocol"
    assert not [word for word in words if word.startswith("WAIT")]


@pytest.mark.parametrize(
    ("reply", "result"),
    [
        (DONE, DetachResult.ACKNOWLEDGED),
        (GONE, DetachResult.VANISHED),
        (STALLED, DetachResult.REFUSED),
        (TIMED_OUT, DetachResult.UNANSWERED),
        (Broken(5), DetachResult.UNANSWERED),
    ],
)
def test_no_answer_to_detach_is_a_failure_and_it_may_be_repeated(reply: Reply, result: DetachResult) -> None:
    engine = selected()
    script = Script(reply)
    assert drive(engine.detach(), script) is result
    assert script.actions == [ControlOut(Request.DETACH, 1000, b"", 5.0)]
    if reply is not GONE:
        with pytest.raises(ProtocolMisuse):
            drive(engine.upload_block(0, 1), Script())
        assert drive(engine.detach(), Script(GONE)) is DetachResult.VANISHED


@pytest.mark.parametrize("block", [1, 767])
@pytest.mark.parametrize("alt", [1, 2, 3])
def test_a_protected_partition_wants_its_block_0_first(alt: int, block: int) -> None:
    engine = selected(alt)
    with pytest.raises(ProtocolMisuse):
        drive(engine.download_block(block, BLOCK), Script())
    drive(engine.download_block(0, BLOCK), Script(DONE, BUSY, STORED))
    drive(engine.select(6), Script(DONE))
    drive(engine.select(alt), Script(DONE))
    drive(engine.download_block(block, BLOCK), Script(DONE, BUSY, STORED))
    drive(engine.finish_image(), Script(DONE, MANIFEST, IDLE))
    with pytest.raises(ProtocolMisuse):
        drive(engine.download_block(block, BLOCK), Script())


def test_a_refused_block_0_lifts_nothing() -> None:
    engine = selected(1)
    fails(engine.download_block(0, BLOCK), DONE, BUSY, said(State.DFU_ERROR, 3), DONE)
    with pytest.raises(ProtocolMisuse):
        drive(engine.download_block(1, BLOCK), Script())


@pytest.mark.parametrize("alt", [-1, 8, 255])
def test_there_is_no_alternate_setting_beyond_the_table(alt: int) -> None:
    with pytest.raises(ProtocolMisuse):
        ae3_engine().select(alt)


@pytest.mark.parametrize("alt", [0, 4])
def test_bootloader_and_contents_are_neither_written_nor_finished(alt: int) -> None:
    engine = selected(alt)
    for operation in (engine.download_block(0, BLOCK), engine.finish_image()):
        with pytest.raises(ProtocolMisuse):
            drive(operation, Script())


def test_no_configuration_of_the_engine_allows_a_manifest_on_alt_0() -> None:
    engine = ae3_engine(never_written=())
    drive(engine.select(0), Script(DONE))
    drive(engine.download_block(0, BLOCK), Script(DONE, BUSY, STORED))
    with pytest.raises(ProtocolMisuse):
        drive(engine.finish_image(), Script())


def test_recovery_is_never_read() -> None:
    with pytest.raises(ProtocolMisuse):
        drive(selected(7).upload_block(0, 4096), Script())


@pytest.mark.parametrize(("block", "size"), [(0, 0), (0, 4097), (-1, 1), (0x10000, 1)])
def test_a_block_must_be_one(block: int, size: int) -> None:
    engine = selected()
    with pytest.raises(ProtocolMisuse):
        engine.upload_block(block, size)
    with pytest.raises(ProtocolMisuse):
        engine.download_block(block, b"x" * size)


def test_an_image_that_was_not_begun_has_no_end() -> None:
    with pytest.raises(ProtocolMisuse):
        drive(selected().finish_image(), Script())


def test_a_failed_selection_leaves_nothing_selected() -> None:
    engine = selected()
    error, _ = fails(engine.select(1, "HP"), STALLED)
    assert (error.code, str(error)) == ("usb.stall", "HP: SET_INTERFACE was refused")
    with pytest.raises(ProtocolMisuse):
        drive(engine.upload_block(0, 4096), Script())


def test_status_and_state_are_told_and_an_error_is_cleared() -> None:
    engine = selected()
    assert drive(engine.get_state(), Script(Data(b"\x02"))) is State.DFU_IDLE
    assert drive(engine.get_status(), Script(said(State.DFU_ERROR, 15))).status == 15
    with pytest.raises(ProtocolMisuse):
        drive(engine.upload_block(0, 1), Script())
    script = Script(DONE)
    drive(engine.clear_status(), script)
    assert script.words == ["CLRSTATUS in 1"]
    assert drive(engine.get_status(), Script(IDLE)).state == State.DFU_IDLE


@pytest.mark.parametrize("payload", [b"", b"\x02\x02", b"\x63"])
def test_a_state_that_is_none_is_out_of_turn(payload: bytes) -> None:
    error, _ = fails(selected().get_state(), Data(payload))
    assert error.code == "dfu.protocol"


@pytest.mark.parametrize("reply", [DONE, Data(b"")])
def test_a_transport_that_answers_in_the_wrong_way_is_a_mistake_of_ours(reply: Reply) -> None:
    engine = selected()
    operation: Operation[Any] = engine.upload_block(0, 1) if reply is DONE else engine.select(1)
    with pytest.raises(ProtocolMisuse, match="the transport answered"):
        drive(operation, Script(reply))
