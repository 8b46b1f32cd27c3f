"""Stepping an operation by hand, and what becomes of one that is interrupted."""

from __future__ import annotations

import pytest

from station.dfu.actions import DONE, STALLED, Action, ControlIn, Data, Reply
from station.dfu.dfu_protocol import Request
from station.dfu.engine import Engine, Finished, ProtocolMisuse, drive
from station.dfu.transition_table import Belief
from station.errors import UsbError
from tests.unit.dfu.ae3_engine import ae3_engine


def selected() -> Engine:
    engine = ae3_engine()
    drive(engine.select(6), lambda action: DONE)
    return engine


def test_an_operation_can_be_stepped_by_hand() -> None:
    operation = selected().upload_block(0, 2)
    action = operation.next_action()
    assert action == ControlIn(Request.UPLOAD, 0, 2, 10.0)
    assert operation.next_action() is action
    operation.receive(Data(b"ab"))
    assert operation.next_action() == Finished(b"ab")
    with pytest.raises(ProtocolMisuse):
        operation.receive(DONE)


def test_an_operation_that_failed_has_no_next_action() -> None:
    operation = selected().upload_block(0, 2)
    with pytest.raises(ProtocolMisuse):
        operation.receive(DONE)
    operation.next_action()
    with pytest.raises(UsbError):
        operation.receive(STALLED)
    with pytest.raises(ProtocolMisuse):
        operation.next_action()


def test_what_the_transport_raises_passes_through() -> None:
    engine = selected()

    def interrupted(action: Action) -> Reply:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drive(engine.upload_block(0, 4096), interrupted)
    assert engine.belief is Belief.SILENT
