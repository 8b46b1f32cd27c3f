"""The client's side of USB/IP against a server that answers as a test says, and not as ours happens to."""

from __future__ import annotations

import errno
import time
from array import array
from collections.abc import Callable
from typing import Any

import pytest

from station.usb.usbip import usbip_link as usbip_link
from station.usb.usbip.usbip_link import UsbIpLink, import_device

Serve = Callable[[Callable[[Any], None]], str]

IN = (0xA1, 2, 0, 0)
OUT = (0x21, 1, 5, 0)


def opened(path: str) -> UsbIpLink:
    device, link = import_device(path, "1-1")
    assert (device.bus_id, device.bus, device.address, device.interfaces) == ("1-1", 1, 7, 1)
    return link


def test_an_in_transfer_brings_what_the_device_sends_and_no_more(scripted: Serve) -> None:
    def script(peer: Any) -> None:
        command, sequence, *_ = peer.take()
        assert command == 1
        peer.send(peer.answer(sequence, b"abc"))

    link = opened(scripted(script))
    room = array("B", bytes(8))
    assert link.control(*IN, room, 1000) == 3
    assert room.tobytes() == b"abc" + bytes(5)
    link.close()


def test_an_out_transfer_carries_the_data(scripted: Serve) -> None:
    got: list[bytes] = []

    def script(peer: Any) -> None:
        _, sequence, _, data = peer.take()
        got.append(data)
        peer.send(peer.answer(sequence, moved=len(data)))

    link = opened(scripted(script))
    payload = bytes(range(256)) * 16
    assert link.control(*OUT, array("B", payload), 1000) == 4096
    link.close()
    assert got == [payload]


def test_a_reply_that_comes_in_pieces_is_put_together(scripted: Serve) -> None:
    def script(peer: Any) -> None:
        _, sequence, *_ = peer.take()
        raw = peer.answer(sequence, bytes(range(200)))
        for start in range(0, len(raw), 31):
            peer.send(raw[start : start + 31])
            time.sleep(0.001)

    link = opened(scripted(script))
    room = array("B", bytes(4096))
    assert link.control(*IN, room, 2000) == 200
    assert room[:200].tobytes() == bytes(range(200))
    link.close()


@pytest.mark.parametrize("number", [errno.EPIPE, errno.EPROTO, errno.ESHUTDOWN])
def test_a_status_is_given_as_it_came_and_the_link_lives_on(scripted: Serve, number: int) -> None:
    def script(peer: Any) -> None:
        peer.send(peer.answer(peer.take()[1], status=-number))
        peer.send(peer.answer(peer.take()[1], b"ok"))

    link = opened(scripted(script))
    room = array("B", bytes(4))
    assert link.control(*IN, room, 1000) == -number
    assert link.control(*IN, room, 1000) == 2
    link.close()


def test_a_silent_device_costs_the_time_limit_and_the_transfer_is_taken_back(scripted: Serve) -> None:
    def script(peer: Any) -> None:
        _, sequence, *_ = peer.take()
        command, unlink, about, _ = peer.take()
        assert (command, about) == (2, sequence)
        peer.send(peer.taken_back(unlink))
        peer.send(peer.answer(peer.take()[1], b"ok"))

    link = opened(scripted(script))
    room = array("B", bytes(4))
    started_s = time.monotonic()
    assert link.control(*IN, room, 50) == -errno.ETIMEDOUT
    assert 0.04 < time.monotonic() - started_s < 5
    assert link.control(*IN, room, 5000) == 2
    link.close()


@pytest.mark.parametrize("status", [0, -errno.EPIPE])
def test_an_answer_that_overtakes_the_taking_back_counts(scripted: Serve, status: int) -> None:
    def script(peer: Any) -> None:
        _, sequence, *_ = peer.take()
        unlink = peer.take()[1]
        late = peer.answer(sequence, b"late" if status == 0 else b"", status=status)
        peer.send(late, peer.taken_back(unlink, 0))
        peer.send(peer.answer(peer.take()[1], b"ok"))

    link = opened(scripted(script))
    room = array("B", bytes(64))
    assert link.control(*IN, room, 50) == (4 if status == 0 else status)
    assert room[:4].tobytes() == (b"late" if status == 0 else bytes(4))
    assert link.control(*IN, room, 5000) == 2
    link.close()


def test_a_server_that_does_not_take_back_loses_the_link(scripted: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usbip_link, "UNLINK_TIMEOUT_MS", 50)

    def script(peer: Any) -> None:
        peer.take()
        peer.take()
        assert peer.hung_up()

    link = opened(scripted(script))
    room = array("B", bytes(4))
    assert link.control(*IN, room, 50) == -errno.ENODEV
    assert link.control(*IN, room, 50) == -errno.ENODEV


@pytest.mark.parametrize("sent", [0, 20, 50])
def test_a_connection_that_ends_is_a_device_that_is_gone(scripted: Serve, sent: int) -> None:
    def script(peer: Any) -> None:
        _, sequence, *_ = peer.take()
        peer.send(peer.answer(sequence, b"abcd")[:sent])
        peer.connection.shutdown(2)

    link = opened(scripted(script))
    assert link.control(*IN, array("B", bytes(4)), 1000) == -errno.ENODEV
    assert link.control(*OUT, array("B", bytes(4)), 1000) == -errno.ENODEV


@pytest.mark.parametrize("mistake", ["sequence", "command", "length"])
def test_a_server_that_talks_nonsense_loses_the_link(scripted: Serve, mistake: str) -> None:
    def script(peer: Any) -> None:
        _, sequence, *_ = peer.take()
        nonsense = {
            "sequence": peer.answer(sequence + 1, b"abcd"),
            "command": peer.taken_back(sequence),
            "length": peer.answer(sequence, bytes(100)),
        }
        peer.send(nonsense[mistake])
        assert peer.hung_up()

    link = opened(scripted(script))
    assert link.control(*IN, array("B", bytes(4)), 1000) == -errno.ENODEV


def test_nobody_there(tmp_path: Any) -> None:
    with pytest.raises(FileNotFoundError):
        import_device(str(tmp_path / "none.sock"), "1-1")
