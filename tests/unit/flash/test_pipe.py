"""A worker's end of its pipe."""

from __future__ import annotations

from multiprocessing import Pipe

from station.flash.messages import PortChanged
from station.flash.pipe import Link
from tests.unit.flash.exchanges import CAMERA


def test_a_change_that_is_there_is_seen_without_any_time_left() -> None:
    ours, theirs = Pipe()
    link = Link(ours)
    assert link.wait_change(0) is None
    theirs.send(PortChanged(None))
    assert link.wait_change(0) == PortChanged(None)


def test_whether_the_camera_left_is_what_the_newest_change_said_however_it_was_taken() -> None:
    ours, theirs = Pipe()
    link = Link(ours)
    assert not link.camera_left
    theirs.send(PortChanged(CAMERA))
    theirs.send(PortChanged(None))
    assert link.wait_change(0) == PortChanged(CAMERA)
    assert link.camera_left
    theirs.send(PortChanged(CAMERA))
    link.forget_changes()
    assert not link.camera_left
    theirs.send(PortChanged(None))
    link.forget_changes()
    assert link.camera_left
    assert link.wait_change(0) is None
    link.begin()
    assert not link.camera_left
