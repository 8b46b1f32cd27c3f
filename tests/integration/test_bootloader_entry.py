"""How a camera's application is asked into the bootloader, over the serial port of a virtual one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from station.board.chosen import BOARD
from station.flash.bootloader_entry import enter_bootloader
from station.flash.messages import BootloaderEntered, BootloaderNotEntered
from station.model.devices import Device
from station.sim.application_spec import ApplicationSpec
from station.sim.faults import Fault
from station.usb.access import UsbAccess, tty_of
from station.usb.tty import open_tty
from station.usb.watcher import list_devices
from tests.integration.conftest import MakeBench, camera, serial

LOST = Fault("no_answer", "SYS_BOOT", times=None)
REFUSED = Fault("nak", "SYS_BOOT", status=2, times=None)


class OneCamera:
    """A camera that runs its application, and the bus that it is on."""

    def __init__(
        self, make_bench: MakeBench, release: Path, answers: str = "all", faults: Sequence[Fault] = ()
    ) -> None:
        application = ApplicationSpec(answers=answers, main_runs=True)
        self.bench = make_bench([camera(1, release=str(release), application=application, faults=tuple(faults))])
        self.bench.line.plug_all()
        self.bench.line.wait_until(serial(1), lambda state: state["phase"] == "application" and state["tty"])
        self.access = UsbAccess("usbip", tuple(self.bench.line.addresses))

    @property
    def device(self) -> Device:
        (device,) = list_devices(self.access, BOARD.ids)
        return device

    def came(self) -> None:
        """Its bootloader is there, and was entered by magic: it stays."""
        state = self.bench.line.wait_until(serial(1), lambda state: state["phase"] == "bootloader")
        assert state["sessions"][-1]["forced"]


@pytest.mark.parametrize(
    ("answers", "faults"),
    [("all", []), ("protocol", []), ("repl", []), ("all", [LOST]), ("all", [REFUSED])],
    ids=["as it should", "its REPL is stuck", "no protocol", "SYS_BOOT is lost", "SYS_BOOT is refused"],
)
def test_one_way_or_the_other(make_bench: MakeBench, release: Path, answers: str, faults: list[Fault]) -> None:
    there = OneCamera(make_bench, release, answers, faults)
    device = there.device
    assert enter_bootloader(there.access, device) == BootloaderEntered(device)
    there.came()


@pytest.mark.parametrize(
    ("answers", "faults", "code"),
    [
        ("none", [], "test.no_repl"),
        ("protocol", [LOST], "test.no_repl"),
        ("protocol", [REFUSED], "test.no_repl"),
        ("all", [Fault("vanish", "PROTO_SYNC")], "test.port_vanished"),
        ("repl", [Fault("silence", "SCRIPT", times=None)], "test.script_timeout"),
    ],
    ids=["mute", "deaf for SYS_BOOT", "refuses SYS_BOOT", "vanishes", "script without effect"],
)
def test_what_cannot_be_done_is_said(
    make_bench: MakeBench, release: Path, answers: str, faults: list[Fault], code: str
) -> None:
    there = OneCamera(make_bench, release, answers, faults)
    answer = enter_bootloader(there.access, there.device)
    assert isinstance(answer, BootloaderNotEntered)
    assert answer.problem.code == code
    assert answer.problem.message


def test_a_port_that_another_program_has(make_bench: MakeBench, release: Path) -> None:
    there = OneCamera(make_bench, release)
    node = tty_of(there.access, "1-1.1")
    assert node
    port = open_tty(node)
    answer = enter_bootloader(there.access, there.device)
    assert isinstance(answer, BootloaderNotEntered)
    assert answer.problem.code == "usb.busy"
    port.close()


def test_a_camera_that_left_has_no_port(make_bench: MakeBench, release: Path) -> None:
    there = OneCamera(make_bench, release)
    device = there.device
    there.bench.line.unplug(serial(1))
    answer = enter_bootloader(there.access, device)
    assert isinstance(answer, BootloaderNotEntered)
    assert answer.problem.code == "test.no_port"
