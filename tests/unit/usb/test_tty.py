from __future__ import annotations

import errno
import os
import pty
import select
import termios
import threading
import time
import tty as terminal
from collections.abc import Iterator
from pathlib import Path

import pytest

from station.app.app_client import Client
from station.app.conversation import converse
from station.app.exchange import PORT_GONE, Heard, Listen, PortBroken, PortReply, Send, Sent, Silent, Stuck
from station.errors import ApplicationError, UsbBusyError
from station.usb.tty import find_tty, open_tty, wait_for_tty
from tests.unit.app.responder import Responder


@pytest.fixture
def ends() -> Iterator[tuple[int, str]]:
    """A pseudo-terminal: the camera's end, and the node of ours."""
    camera, ours = pty.openpty()
    terminal.setraw(ours)
    node = os.ttyname(ours)
    yield camera, node
    for end in (camera, ours):
        try:
            os.close(end)
        except OSError:
            continue


def test_a_port_is_found_by_its_place_alone(tmp_path: Path) -> None:
    for place, name in {"3-1.4": "ttyACM7", "3-1": "ttyACM0"}.items():
        (tmp_path / place / f"{place}:1.0" / "tty" / name).mkdir(parents=True)
        (tmp_path / place / f"{place}:1.1").mkdir()
    (tmp_path / "3-2" / "3-2:1.0").mkdir(parents=True)
    assert find_tty("3-1.4", str(tmp_path)) == "/dev/ttyACM7"
    assert find_tty("3-2", str(tmp_path)) is None
    assert find_tty("3-9", str(tmp_path)) is None
    with pytest.raises(ValueError, match="port path"):
        find_tty("../3-1", str(tmp_path))


def test_a_camera_without_a_port_ends_within_the_limit(tmp_path: Path) -> None:
    with pytest.raises(ApplicationError) as caught:
        wait_for_tty("3-1", 0.05, str(tmp_path))
    assert caught.value.code == "test.no_port"


def test_bytes_go_both_ways_and_silence_ends(ends: tuple[int, str]) -> None:
    camera, node = ends
    port = open_tty(node)
    assert isinstance(port.perform(Send(b"\x00\x03\xaa\xd5", 1.0)), Sent)
    assert os.read(camera, 100) == b"\x00\x03\xaa\xd5"
    os.write(camera, b"\xff\x11\x13")
    heard = port.perform(Listen(time.monotonic() + 5))
    assert isinstance(heard, Heard)
    assert heard.data == b"\xff\x11\x13"
    until_s = time.monotonic() + 0.05
    silent = port.perform(Listen(until_s))
    assert isinstance(silent, Silent)
    assert until_s <= silent.at_s < until_s + 1
    port.close()
    port.close()


def test_a_camera_that_does_not_read_holds_nobody_up(ends: tuple[int, str]) -> None:
    port = open_tty(ends[1])
    assert isinstance(port.perform(Send(bytes(1 << 20), 0.1)), Stuck)
    port.close()


def test_a_port_that_vanishes_is_gone_for_both_actions(ends: tuple[int, str]) -> None:
    camera, node = ends
    port = open_tty(node)
    os.close(camera)
    assert port.perform(Listen(time.monotonic() + 5)) == PORT_GONE
    assert port.perform(Send(b"x", 1.0)) == PORT_GONE
    port.close()
    assert port.perform(Send(b"x", 1.0)) == PORT_GONE


@pytest.mark.parametrize(
    ("number", "reply"), [(errno.EIO, PORT_GONE), (errno.ENODEV, PORT_GONE), (errno.EPROTO, PortBroken(errno.EPROTO))]
)
def test_a_failing_port_is_gone_or_broken(
    ends: tuple[int, str], monkeypatch: pytest.MonkeyPatch, number: int, reply: PortReply
) -> None:
    """A hangup as cdc_acm reports it, which no pseudo-terminal does."""
    port = open_tty(ends[1])

    def fail(data: bytes) -> None:
        raise OSError(number, "as the kernel says")

    monkeypatch.setattr(port._port, "write", fail)
    assert port.perform(Send(b"x", 1.0)) == reply
    port.close()


def test_a_port_belongs_to_one_program_at_a_time(ends: tuple[int, str]) -> None:
    port = open_tty(ends[1])
    with pytest.raises(UsbBusyError) as caught:
        open_tty(ends[1])
    assert caught.value.code == "usb.busy"
    port.close()


def test_a_port_that_is_not_there() -> None:
    with pytest.raises(ApplicationError) as caught:
        open_tty("/dev/ttyACM4711")
    assert caught.value.code == "test.port_vanished"


def test_the_rate_is_the_protocol_s(ends: tuple[int, str]) -> None:
    port = open_tty(ends[1])
    assert termios.tcgetattr(ends[0])[4] == termios.B921600
    port.close()


def test_a_client_talks_over_a_port(ends: tuple[int, str]) -> None:
    camera, node = ends
    port = open_tty(node)

    hang_up, hung_up = os.pipe()

    def serve() -> None:
        responder = Responder()
        while camera in select.select([camera, hang_up], [], [])[0]:
            responder.receive(os.read(camera, 4096))
            os.write(camera, responder.out)
            responder.out = b""

    thread = threading.Thread(target=serve)
    thread.start()
    client = Client()
    assert converse(client.system_info(), port.perform).sensors == (0x7936,)
    assert converse(client.run_script("print('x' * 3000)", "m1", 10.0), port.perform).text == "x" * 3000 + "\n"
    # The thread ends before its descriptors are closed: a later test might get their numbers.
    os.close(hung_up)
    thread.join()
    os.close(hang_up)
    port.close()
