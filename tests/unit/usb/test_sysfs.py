from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from station.board.openmv_ae3 import OPENMV_AE3
from station.model.devices import Device, DeviceArrived, DeviceEvent, DeviceLeft, DeviceMode
from station.usb.sysfs import Presence, is_authorized, is_configured, list_cameras, read_camera

ATTRIBUTES = {
    "idVendor": "37c5",
    "idProduct": "96e3",
    "bcdDevice": "0103",
    "busnum": "3",
    "devnum": "17",
    "serial": "0102030405060708090A0B0C",
}
CAMERA = Device(
    "3-1.4", 3, 17, 0x37C5, 0x96E3, "0102030405060708090A0B0C", 0x0103, DeviceMode.DFU, "/dev/bus/usb/003/017"
)


def folder(root: Path, **changes: str | None) -> str:
    """A device as sysfs shows it."""
    made = root / "3-1.4"
    made.mkdir(parents=True)
    for key, value in {**ATTRIBUTES, **changes}.items():
        if value is not None:
            (made / key).write_text(value + "\n")
    return str(made)


def test_a_camera_is_read_from_its_folder(tmp_path: Path) -> None:
    assert read_camera(OPENMV_AE3.ids, folder(tmp_path)) == CAMERA


@pytest.mark.parametrize(
    ("product", "mode"),
    [("96e3", DeviceMode.DFU), ("16e3", DeviceMode.APPLICATION), ("1234", DeviceMode.OTHER)],
)
def test_the_product_tells_the_mode(tmp_path: Path, product: str, mode: DeviceMode) -> None:
    device = read_camera(OPENMV_AE3.ids, folder(tmp_path, idProduct=product))
    assert device is not None
    assert device.mode is mode


def test_no_serial_is_an_empty_one_and_blanks_in_one_are_kept(tmp_path: Path) -> None:
    without = read_camera(OPENMV_AE3.ids, folder(tmp_path / "1", serial=None))
    blank = read_camera(OPENMV_AE3.ids, folder(tmp_path / "2", serial=" A B "))
    assert without is not None
    assert blank is not None
    assert (without.serial, blank.serial) == ("", " A B ")


@pytest.mark.parametrize(
    "changes", [{"idVendor": "1d6b"}, {"devnum": None}, {"bcdDevice": ""}, {"idVendor": None}, {"busnum": "x"}]
)
def test_others_and_devices_that_are_just_leaving_are_none(tmp_path: Path, changes: dict[str, str | None]) -> None:
    assert read_camera(OPENMV_AE3.ids, folder(tmp_path, **changes)) is None


def test_a_folder_that_is_gone_is_none(tmp_path: Path) -> None:
    assert read_camera(OPENMV_AE3.ids, str(tmp_path / "3-1")) is None


def test_all_cameras_are_listed_by_their_place_and_nothing_else_is(tmp_path: Path) -> None:
    camera = folder(tmp_path / "devices")
    folder(tmp_path / "others", idVendor="1d6b")
    links = tmp_path / "bus"
    links.mkdir()
    for name, target in {"3-1.4": camera, "usb3": str(tmp_path / "others/3-1.4"), "3-1.4:1.0": camera}.items():
        (links / name).symlink_to(target)
    assert list_cameras(OPENMV_AE3.ids, str(links)) == {camera: CAMERA}
    assert list_cameras(OPENMV_AE3.ids, str(tmp_path / "none")) == {}


@pytest.fixture
def told() -> list[DeviceEvent]:
    return []


@pytest.fixture
def presence(told: list[DeviceEvent]) -> Presence:
    return Presence(told.append)


AGAIN = replace(CAMERA, address=18)


def test_an_arrival_may_be_told_twice_a_departure_once(presence: Presence, told: list[DeviceEvent]) -> None:
    presence.arrived("/sys/p", CAMERA)
    presence.arrived("/sys/p", CAMERA)
    presence.left("/sys/p", 17)
    presence.left("/sys/p", 17)
    assert told == [DeviceArrived(CAMERA), DeviceArrived(CAMERA), DeviceLeft("3-1.4")]


def test_the_departure_of_what_was_never_a_camera_is_not_told(presence: Presence, told: list[DeviceEvent]) -> None:
    presence.arrived("/sys/q", None)
    presence.left("/sys/q")
    assert told == []


def test_a_new_enumeration_in_the_same_place_tells_that_the_old_one_left(
    presence: Presence, told: list[DeviceEvent]
) -> None:
    presence.arrived("/sys/p", CAMERA)
    presence.arrived("/sys/p", AGAIN)
    assert told == [DeviceArrived(CAMERA), DeviceLeft("3-1.4"), DeviceArrived(AGAIN)]


def test_old_news_of_a_departure_does_not_take_away_what_came_after(
    presence: Presence, told: list[DeviceEvent]
) -> None:
    presence.arrived("/sys/p", AGAIN)
    presence.left("/sys/p", CAMERA.address)
    assert told == [DeviceArrived(AGAIN)]


def test_a_listing_tells_the_difference(presence: Presence, told: list[DeviceEvent]) -> None:
    stays = replace(CAMERA, port_path="3-2", address=20)
    presence.arrived("/sys/p", CAMERA)
    presence.arrived("/sys/s", stays)
    presence.arrived("/sys/g", replace(CAMERA, port_path="3-3", address=21))
    del told[:]
    new = replace(CAMERA, port_path="3-5", address=30)
    presence.listed({"/sys/p": AGAIN, "/sys/s": stays, "/sys/n": new})
    assert told == [DeviceLeft("3-3"), DeviceLeft("3-1.4"), DeviceArrived(AGAIN), DeviceArrived(new)]


@pytest.mark.parametrize(("said", "configured"), [("1", True), ("", False), (None, False)])
def test_what_the_kernel_has_configured(tmp_path: Path, said: str | None, configured: bool) -> None:
    folder(tmp_path, bConfigurationValue=said)
    assert is_configured("3-1.4", str(tmp_path)) is configured
    assert not is_configured("9-9", str(tmp_path))


@pytest.mark.parametrize(("said", "authorized"), [("1", True), ("0", False), (None, True)])
def test_a_policy_of_the_machine_is_seen(tmp_path: Path, said: str | None, authorized: bool) -> None:
    folder(tmp_path, authorized=said)
    assert is_authorized("3-1.4", str(tmp_path)) is authorized
    assert is_authorized("9-9", str(tmp_path))
