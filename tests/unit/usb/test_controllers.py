"""Slots stay with their USB controllers, whatever the kernel calls the buses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from station.board.chosen import BOARD
from station.settings import Settings
from station.usb.access import UsbAccess
from station.usb.controllers import NOWHERE, controllers, find_slots, renumbered
from station.usb.watcher import VirtualWatcher
from station.wiring.bench import Bench
from station.wiring.line import slots_of

CARD = "pci0000:00/0000:00:14.0"
OTHER_CARD = "pci0000:00/0000:02:00.0"
SLOTS = {"A1": "1-1.4", "B1": "3-1.4"}
LEARNED = {"1": CARD, "3": OTHER_CARD}


def machine(root: Path, buses: Mapping[int, str]) -> Path:
    """A machine's sysfs with these root hubs."""
    devices = root / "sys/bus/usb/devices"
    devices.mkdir(parents=True)
    for bus, place in buses.items():
        hub = root / "sys/devices" / place / f"usb{bus}"
        hub.mkdir(parents=True)
        (devices / f"usb{bus}").symlink_to(hub)
        (devices / f"{bus}-1").symlink_to(hub)
    return root


def test_both_buses_of_a_controller_are_told_apart(tmp_path: Path) -> None:
    root = machine(tmp_path, {1: CARD, 2: CARD, 3: OTHER_CARD, 10: "platform/vhci_hcd.0"})
    found = {1: CARD, 2: f"{CARD}#2", 3: OTHER_CARD, 10: "platform/vhci_hcd.0"}
    assert controllers(root) == found


def test_a_machine_without_usb(tmp_path: Path) -> None:
    assert controllers(tmp_path) == {}


@pytest.mark.parametrize(
    ("now", "paths", "absent"),
    [
        ({1: CARD, 3: OTHER_CARD}, ["1-1.4", "3-1.4"], []),
        ({3: CARD, 4: OTHER_CARD}, ["3-1.4", "4-1.4"], []),
        ({1: OTHER_CARD, 3: CARD}, ["3-1.4", "1-1.4"], []),
        ({1: OTHER_CARD}, [f"{NOWHERE}-1.4", "1-1.4"], ["A1"]),
        ({1: "platform/else"}, [f"{NOWHERE}-1.4", f"{NOWHERE}-1.4"], ["A1", "B1"]),
        ({}, ["1-1.4", "3-1.4"], []),
    ],
    ids=["as it was", "renumbered", "swapped", "one is gone", "both are gone", "virtual cameras"],
)
def test_slots_are_found_by_their_controller(now: dict[int, str], paths: list[str], absent: list[str]) -> None:
    found = find_slots(SLOTS, LEARNED, now)
    assert [path for path, _ in found.names.names] == paths
    assert [name for _, name in found.names.names] == ["A1", "B1"]
    assert len(found.absent) == len(absent)
    assert all(
        f"slot {name} " in said and "takes no camera" in said for name, said in zip(absent, found.absent, strict=True)
    )


def test_where_no_slot_is_there_no_other_port_becomes_one() -> None:
    found = find_slots(SLOTS, LEARNED, {1: "platform/else"})
    assert found.names.slot_at("1-1.4") is None


def test_a_slot_that_was_written_by_hand_is_its_port_path() -> None:
    found = find_slots(SLOTS, {}, {1: CARD})
    assert [path for path, _ in found.names.names] == ["1-1.4", "3-1.4"]
    (said,) = found.absent
    assert "no bus 3" in said


def test_slots_are_written_under_the_numbers_of_now() -> None:
    assert renumbered(SLOTS, LEARNED, {1: OTHER_CARD, 2: f"{CARD}#2", 5: CARD}) == (
        {"A1": "5-1.4", "B1": "1-1.4"},
        {"1": OTHER_CARD, "5": CARD},
    )


def test_a_slot_whose_controller_is_not_here_is_kept_for_the_day_when_it_is() -> None:
    slots, places = renumbered({**SLOTS, "A2": "1-1.5"}, LEARNED, {1: OTHER_CARD})
    assert slots["B1"] == "1-1.4"
    found = find_slots(slots, places, {1: OTHER_CARD, 7: CARD})
    assert {name: path for path, name in found.names.names} == {"A1": "7-1.4", "A2": "7-1.5", "B1": "1-1.4"}


def test_the_line_works_on_the_ports_of_now_and_says_what_is_missing(caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings(slots=SLOTS, controllers=LEARNED)
    access = UsbAccess("usbip", ("/nowhere",))
    bench = Bench(access, VirtualWatcher(access, BOARD.ids), controllers={9: CARD, 1: "platform/else"})
    slots = slots_of(bench, settings)
    found = slots.slot_at("9-1.4")
    assert found is not None
    assert found.name == "A1"
    assert slots.slot_at("3-1.4") is None
    (said,) = caplog.messages
    assert said.startswith("slot B1 (3-1.4) takes no camera")
