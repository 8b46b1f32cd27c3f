"""After a broken transfer: the changes at the port come through a real pipe."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import Connection

import pytest

from station.errors import DfuError, UsbError
from station.flash import disconnection as after
from station.flash.disconnection import Whereabouts, after_failure
from station.flash.messages import CancelRun, PortChanged
from station.flash.pipe import Cancelled, Link, Orphaned
from station.model.devices import Device, DeviceMode
from station.model.runs import Outcome
from station.model.verdicts import ended_by
from station.problem import Sentence

CAMERA = Device("1-1", 1, 5, 0x37C5, 0x96E3, "S", 0x0103, DeviceMode.DFU)
GONE = UsbError("usb.disconnected", Sentence("gone"))


@pytest.fixture(autouse=True)
def _short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(after, "LEAVING_S", 0.05)
    monkeypatch.setattr(after, "REPORTED_S", 0.05)
    monkeypatch.setattr(after, "HOLD_S", 0.05)


@pytest.fixture
def pipe() -> Iterator[tuple[Connection, Link]]:
    theirs, ours = multiprocessing.Pipe()
    with theirs, ours:
        yield theirs, Link(ours)


def whereabouts(pipe: tuple[Connection, Link], *changes: object, window_s: float = 0.05) -> after.Return:
    station, link = pipe
    for change in changes:
        station.send(change)
    return after_failure(link, GONE, window_s)


def test_no_change_at_the_port_means_it_is_still_there(pipe: tuple[Connection, Link]) -> None:
    assert whereabouts(pipe).whereabouts is Whereabouts.STAYED


def test_left_and_not_back_within_the_window_is_pulled_out(pipe: tuple[Connection, Link]) -> None:
    assert whereabouts(pipe, PortChanged(None)).whereabouts is Whereabouts.LEFT


def test_back_and_held_is_the_same_insertion(pipe: tuple[Connection, Link]) -> None:
    again = replace(CAMERA, address=6)
    found = whereabouts(
        pipe, PortChanged(None), PortChanged(again), PortChanged(again, held=True, bootloader="1.0.3"), window_s=5
    )
    assert (found.whereabouts, found.device, found.bootloader) == (Whereabouts.CAME_BACK, again, "1.0.3")


def test_one_that_the_kernel_lost_is_gone_however_late_that_is_reported(
    pipe: tuple[Connection, Link], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report comes through udev and the line: on a busy machine seconds after the transfer that failed."""
    monkeypatch.setattr(after, "REPORTED_S", 30.0)
    late = threading.Timer(0.2, pipe[0].send, [PortChanged(None)])
    late.start()
    assert whereabouts(pipe).whereabouts is Whereabouts.LEFT
    late.join()


def test_one_that_was_put_in_again_later_is_not_back_where_both_are_heard_at_once(
    pipe: tuple[Connection, Link],
) -> None:
    """A worker that was kept for seconds: what counts is when it was there again."""
    changes = [
        PortChanged(None, at_s=100.0),
        PortChanged(CAMERA, at_s=106.0),
        PortChanged(CAMERA, held=True, at_s=106.1),
    ]
    assert whereabouts(pipe, *changes, window_s=4).whereabouts is Whereabouts.LEFT


def test_back_and_never_held_is_not_back(pipe: tuple[Connection, Link]) -> None:
    assert whereabouts(pipe, PortChanged(None), PortChanged(CAMERA)).whereabouts is Whereabouts.LEFT


def test_back_as_an_application(pipe: tuple[Connection, Link]) -> None:
    application = replace(CAMERA, mode=DeviceMode.APPLICATION)
    found = whereabouts(pipe, PortChanged(None), PortChanged(application), window_s=5)
    assert found == after.Return(Whereabouts.CAME_BACK_AS_APPLICATION, application), "whom to ask into the bootloader"


def test_a_refusal_says_that_it_is_there(pipe: tuple[Connection, Link]) -> None:
    pipe[0].send(PortChanged(None))
    found = after_failure(pipe[1], DfuError("dfu.err_write", Sentence("refused")), 5)
    assert found.whereabouts is Whereabouts.STAYED


def test_a_cancellation_is_heard_while_waiting(pipe: tuple[Connection, Link]) -> None:
    with pytest.raises(Cancelled):
        whereabouts(
            pipe,
            PortChanged(None),
            CancelRun(ended_by(Outcome.ABORTED, "operator.cancelled", Sentence("cancelled"))),
            window_s=5,
        )


def test_a_station_that_is_gone_is_noticed_while_waiting(pipe: tuple[Connection, Link]) -> None:
    pipe[0].close()
    with pytest.raises(Orphaned):
        after_failure(pipe[1], GONE, 5)
