"""A session goes on after a reading that failed, or says what failed."""

from __future__ import annotations

import pytest

from station.board.openmv_ae3 import RWFS
from station.dfu.actions import GONE, STALLED, TIMED_OUT, Broken, Reply
from station.dfu.dfu_protocol import State
from station.errors import CameraError, UsbError
from station.problem import Sentence
from tests.unit.flash.exchanges import bench, camera, select, status, status_answered

FAILED = UsbError("usb.timeout", Sentence("no answer to UPLOAD"))


@pytest.mark.parametrize("reply", [TIMED_OUT, STALLED, Broken(5)])
def test_a_status_that_is_lost_too_does_not_matter_where_set_interface_is_obeyed(reply: Reply) -> None:
    with camera(select(RWFS), status_answered(reply), select(RWFS)) as session:
        session.select(RWFS)
        session.recover(RWFS, FAILED)


@pytest.mark.parametrize("reply", [TIMED_OUT, STALLED, GONE])
def test_a_camera_that_does_not_follow_has_failed_with_what_failed_first(reply: Reply) -> None:
    with camera(select(RWFS), status(State.DFU_IDLE), select(RWFS, reply)) as session:
        session.select(RWFS)
        with pytest.raises(CameraError) as caught:
            session.recover(RWFS, FAILED)
    assert caught.value is FAILED


def test_a_camera_that_left_is_asked_nothing() -> None:
    gone = UsbError("usb.disconnected", Sentence("gone"))
    with camera() as session, pytest.raises(CameraError) as caught:
        session.recover(RWFS, gone)
    assert caught.value is gone


def test_closing_gives_the_device_back() -> None:
    with bench() as at:
        at.session.close()
        assert at.transport.closed
