"""A worker's end of its pipe."""

from __future__ import annotations

from multiprocessing import Pipe

from station.flash.messages import PortChanged
from station.flash.pipe import Link


def test_a_change_that_is_there_is_seen_without_any_time_left() -> None:
    ours, theirs = Pipe()
    link = Link(ours)
    assert link.wait_change(0) is None
    theirs.send(PortChanged(None))
    assert link.wait_change(0) == PortChanged(None)
