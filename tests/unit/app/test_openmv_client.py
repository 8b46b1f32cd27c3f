"""OpenMV's own client against ours: the same bytes for the same requests, and our codec's answers understood by it."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import openmv.camera
import pytest

from station.app.app_client import Client
from station.app.conversation import Conversation, converse
from tests.unit.app.responder import Responder, VirtualPort


class Numbers(enum.EnumMeta):
    """Before Python 3.12 no number can be looked for in an Enum, which their log does."""

    def __contains__(cls, number: object) -> bool:
        return number in cls._value2member_map_


class EventType(enum.IntEnum, metaclass=Numbers):
    CHANNEL_REGISTERED = 0
    CHANNEL_UNREGISTERED = 1
    SOFT_REBOOT = 2


class Pipe:
    """A serial port whose other end is the responder."""

    is_open = True

    def __init__(self, camera: Responder) -> None:
        self.camera = camera
        self.sent: list[bytes] = []

    @property
    def in_waiting(self) -> int:
        return len(self.camera.out)

    def read(self, count: int) -> bytes:
        data, self.camera.out = self.camera.out[:count], self.camera.out[count:]
        return data

    def write(self, data: memoryview) -> None:
        self.sent.append(bytes(data))
        self.camera.receive(bytes(data))

    def close(self) -> None:
        self.is_open = False


def connect(monkeypatch: pytest.MonkeyPatch, camera: Responder) -> tuple[Any, Pipe]:
    pipe = Pipe(camera)
    monkeypatch.setattr(openmv.camera.serial, "Serial", lambda *words, **options: pipe)
    monkeypatch.setattr(openmv.camera.Transport, "log", lambda *words, **more: None)
    monkeypatch.setattr(openmv.camera, "EventType", EventType)
    theirs = openmv.camera.Camera("nowhere", timeout=0.2, max_payload=8178)
    theirs.connect()
    return theirs, pipe


def test_it_gets_what_it_expects_from_our_codec(monkeypatch: pytest.MonkeyPatch) -> None:
    camera = Responder()
    theirs, _ = connect(monkeypatch, camera)
    assert theirs.caps["max_payload"] == 8178
    assert theirs.version()["bootloader_version"] == (1, 0, 4)
    info = theirs.system_info()
    assert (info["chip_id"], info["usb_vid"], info["framebuffer_size_kb"]) == ((0x7936, 0, 0), 0x37C5, 4096)
    assert theirs.channels_by_name == {"usb": 0, "stdin": 1, "stdout": 2, "stream": 3}
    theirs.exec("print('x' * 1300)")
    assert theirs.read_stdout() == "x" * 1300 + "\r\nMPY: soft reboot\r\n"
    assert theirs.read_status()["stdout"] is False


REQUESTS: dict[str, tuple[Callable[[Any], Any], Callable[[Client], Conversation[Any]]]] = {
    "version": (lambda theirs: theirs.version(), lambda ours: ours.versions()),
    "system info": (lambda theirs: theirs.system_info(), lambda ours: ours.system_info()),
    "channels": (lambda theirs: theirs.update_channels(), lambda ours: ours.channels()),
    "poll": (lambda theirs: theirs.read_status(), lambda ours: ours.ready_channels()),
    "size": (lambda theirs: theirs.channel_size("stdout"), lambda ours: ours.size(2)),
    "read": (lambda theirs: theirs.channel_read("stdout", 700), lambda ours: ours.read(2, 700)),
    "write": (lambda theirs: theirs.channel_write("stdin", b"#" * 9000), lambda ours: ours.write(1, b"#" * 9000)),
    "stop": (lambda theirs: theirs.stop(), lambda ours: ours.stop_script()),
    "exec": (lambda theirs: theirs.exec("print(1)"), lambda ours: ours.start_script("print(1)")),
    "reset": (lambda theirs: theirs.reset(), lambda ours: ours.reset()),
    "boot": (lambda theirs: theirs.boot(), lambda ours: ours.enter_bootloader()),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_ours_sends_what_it_sends(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """From the opening on, counts and acknowledgements included."""
    ask_theirs, ask_ours = REQUESTS[name]
    camera = Responder()
    theirs, pipe = connect(monkeypatch, camera)
    camera.say("y" * 700)
    ask_theirs(theirs)
    other = Responder()
    port, ours = VirtualPort(other), Client()
    opening: list[Conversation[Any]] = [ours.synchronize(), ours.channels(), ours.versions(), ours.system_info()]
    for conversation in opening:
        converse(conversation, port.perform)
    other.say("y" * 700)
    converse(ask_ours(ours), port.perform)
    assert port.sent == pipe.sent
