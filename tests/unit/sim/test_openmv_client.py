"""OpenMV's own client, unmodified, against a virtual camera's serial port (a pseudo-terminal here)."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import openmv.transport
import pytest
from openmv.exceptions import OMVException

from station.sim.application_spec import ApplicationSpec, KnownScript
from tests.unit.sim.conftest import LIMIT_S, Served
from tests.unit.sim.driver import SERIAL

VERSION_SCRIPT = "import sys\nprint(sys.version)\n"


class Client(openmv.Camera):  # type: ignore[misc]  # it has no types
    """The client, with a list of what the camera said by itself (its own way to print that needs Python 3.12)."""

    def __init__(self, tty: str, **options: Any) -> None:
        super().__init__(tty, **options)
        self.events: list[tuple[int, int]] = []

    def _handle_event(self, channel_id: int, event: int) -> None:
        self.events.append((channel_id, event))

    def wait_for(self, event: tuple[int, int]) -> None:
        """Poll until the camera has said this."""
        until_s = time.monotonic() + LIMIT_S
        while event not in self.events:
            assert time.monotonic() < until_s, self.events
            self.poll_events()


@pytest.fixture
def connect(served: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Client]]:
    """A camera in its application, and a client at its port."""
    monkeypatch.setattr(openmv.transport.Transport, "log", lambda *_, **__: None)  # needs Python 3.12
    clients: list[Client] = []

    def connected(application: ApplicationSpec | None = None, **changes: Any) -> Client:
        tty = served.application(application=application or ApplicationSpec(), **changes)
        client = Client(tty, timeout=0.3, max_payload=8192)
        clients.append(client)
        client.connect()
        return client

    yield connected
    for client in clients:
        client.disconnect()


def test_it_connects_and_hears_what_the_camera_is(connect: Callable[..., Client]) -> None:
    client = connect()
    assert client.version() == {
        "protocol_version": (1, 0, 2),
        "bootloader_version": (1, 0, 3),
        "firmware_version": (5, 0, 0),
    }
    info = client.system_info()
    assert info["chip_id"] == (0x7936, 0, 0)
    assert (info["usb_vid"], info["usb_pid"]) == (0x37C5, 0x16E3)
    assert b"".join(word.to_bytes(4, "little") for word in info["device_id"][::-1]).hex().upper() == SERIAL
    assert client.channels_by_name == {"usb": 0, "stdin": 1, "stdout": 2, "stream": 3}
    assert client.caps["max_payload"] == 8192 - 14, "what an AE3 offers"
    assert client.device_stats()["received"] >= 6


@pytest.mark.parametrize(
    ("application", "bootloader", "told"),
    [
        (ApplicationSpec(sensor_id=0), "1.0.4", ((0, 0, 0), (1, 0, 4))),
        (ApplicationSpec(sensor_id=0x2770), "1.0.0", ((0x2770, 0, 0), (1, 0, 3))),
    ],
)
def test_sensor_and_bootloader_are_the_specs(
    connect: Callable[..., Client], application: ApplicationSpec, bootloader: str, told: object
) -> None:
    client = connect(application, bootloader=bootloader)
    assert (client.system_info()["chip_id"], client.version()["bootloader_version"]) == told


def test_a_script_runs_and_its_output_is_read_while_it_runs(connect: Callable[..., Client]) -> None:
    script = KnownScript("sys.version", "3.4.0; {label}\n", seconds=60)
    client = connect(ApplicationSpec(label="OpenMV v5.0.0; MicroPython v1.26.0", scripts=(script,)))
    client.exec(VERSION_SCRIPT)
    client.wait_for((1, 1))
    assert client.read_status() == {"usb": False, "stdin": True, "stdout": True, "stream": False}
    assert client.read_stdout() == "3.4.0; OpenMV v5.0.0; MicroPython v1.26.0\r\n"
    client.stop()
    client.wait_for((0, 2))
    assert client.events[-2:] == [(1, 0), (0, 2)]


def test_long_output_comes_in_fragments(connect: Callable[..., Client]) -> None:
    client = connect(ApplicationSpec(scripts=(KnownScript("long", "x" * 1999 + "\n", seconds=60),)))
    client.exec("long()")
    assert client.read_stdout() == "x" * 1999 + "\r\n"


@pytest.mark.parametrize("do", ["nak", "no_answer", "short", "flip_byte"])
def test_the_client_gets_over_a_fault_that_strikes_once(
    connect: Callable[..., Client], served: Served, do: str
) -> None:
    client = connect()
    served.control.ask("fault", port_path="1-1.1", fault={"do": do, "at": {"request": "SYS_INFO"}})
    assert client.system_info()["chip_id"][0] == 0x7936
    assert served.control.ask("state", port_path="1-1.1")["faults_struck"] == 1


@pytest.mark.parametrize("answers", ["none", "repl"])
def test_a_mute_camera_and_old_firmware_do_not_speak_the_protocol(connect: Callable[..., Client], answers: str) -> None:
    with pytest.raises(OMVException, match="Failed to connect"):
        connect(ApplicationSpec(answers=answers))


def test_sys_boot_enters_the_bootloader_and_stays_there(connect: Callable[..., Client], served: Served) -> None:
    connect().boot()
    served.departure()
    served.arrival(0x96E3)
    state = served.control.ask("state", port_path="1-1.1")
    assert (state["sessions"][-1]["forced"], state["tty"]) == (True, None)


def test_sys_reset_starts_it_anew(connect: Callable[..., Client], served: Served) -> None:
    connect().reset()
    served.arrival(0x96E3)
    served.arrival(0x16E3)
    assert served.control.ask("state", port_path="1-1.1")["sessions"][-2]["forced"] is False


def mpremote(tty: str, *words: str) -> str:
    command = [sys.executable, "-m", "mpremote", "connect", tty, "resume", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.stdout + done.stderr


def test_mpremote_finds_a_repl_at_another_rate(served: Served) -> None:
    tty = served.application(application=ApplicationSpec(answers="repl", label="OpenMV v4.7.0; MicroPython v1.24.0"))
    assert "3.4.0; OpenMV v4.7.0; MicroPython v1.24.0" in mpremote(tty, "exec", VERSION_SCRIPT)
    assert "NotImplementedError" in mpremote(tty, "exec", "import nothing_that_is_known")


def test_mpremote_sends_it_into_the_bootloader(served: Served) -> None:
    mpremote(served.application(), "exec", "--no-follow", "import machine; machine.bootloader()")
    served.arrival(0x96E3)
