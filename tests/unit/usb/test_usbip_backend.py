"""Our backend under pyusb itself, against virtual cameras."""

from __future__ import annotations

import errno
import time
from array import array
from contextlib import suppress
from typing import Any

import pytest
import usb.core
import usb.util
from usb.core import USBError, USBTimeoutError

from station.usb.usbip.usbip_backend import UsbIpBackend

GETSTATUS = (0xA1, 3, 0, 0)
NAMES = ["BOOT", "HP", "HE", "ROMFS1", "TOC", "RWFS", "ROMFS0", "RECOVERY"]


def find(bench: Any) -> Any:
    device = usb.core.find(idVendor=0x37C5, backend=UsbIpBackend([bench.socket]))
    assert device is not None
    return device


@pytest.mark.parametrize("over", ["unix", "tcp"])
def test_pyusb_finds_a_camera_and_walks_its_descriptors(bench: Any, over: str) -> None:
    plugged = bench.plug("1-1.4")
    endpoint = bench.socket if over == "unix" else bench.tcp()
    (device,) = usb.core.find(find_all=True, backend=UsbIpBackend([endpoint]))
    assert (device.idVendor, device.idProduct, device.bcdDevice) == (0x37C5, 0x96E3, 0x0103)
    assert (device.bus, device.address, device.speed) == (plugged.bus, plugged.address, 3)
    assert (device.port_numbers, device.port_number, device.bMaxPacketSize0) == ((1, 4), 4, 64)
    assert device.parent is None
    (configuration,) = device
    settings = list(configuration)
    assert [setting.bAlternateSetting for setting in settings] == list(range(8))
    assert {(s.bInterfaceClass, s.bInterfaceSubClass, s.bInterfaceProtocol) for s in settings} == {(0xFE, 1, 2)}
    assert [usb.util.get_string(device, setting.iInterface) for setting in settings] == NAMES
    assert 0x21 in [s.extra_descriptors[1] for s in settings if s.extra_descriptors]
    assert device.serial_number == plugged.serial
    assert "DFU" in str(device)
    device.finalize()


def test_pyusb_drives_a_camera(bench: Any) -> None:
    bench.plug()
    device = find(bench)
    assert device.get_active_configuration().bConfigurationValue == 1
    device.set_interface_altsetting(0, 1)
    assert device.ctrl_transfer(*GETSTATUS, 6, 1000).tobytes() == bytes((0, 0, 0, 0, 2, 0))
    assert len(device.ctrl_transfer(0xA1, 2, 1, 0, 4096, 1000)) == 4096
    device.set_configuration(1)
    device.finalize()


def test_all_servers_are_listed_and_one_that_is_gone_hides_no_other(bench: Any, tmp_path: Any) -> None:
    bench.plug("1-1")
    bench.plug("1-2", serial="1" * 23 + "2")
    backend = UsbIpBackend([str(tmp_path / "none.sock"), bench.socket])
    assert {device.port_numbers for device in usb.core.find(find_all=True, backend=backend)} == {(1,), (2,)}


def test_indices_past_the_end_are_index_errors(bench: Any) -> None:
    bench.plug()
    backend = UsbIpBackend([bench.socket])
    (device,) = backend.enumerate_devices()
    for indices in ((1, 0, 0), (0, 8, 0), (0, 0, 1)):
        with pytest.raises(IndexError):
            backend.get_interface_descriptor(device, *indices)
    with pytest.raises(IndexError):
        backend.get_endpoint_descriptor(device, 0, 0, 0, 0)


def test_a_stall_is_errno_32(bench: Any) -> None:
    bench.plug()
    device = find(bench)
    with pytest.raises(USBError) as stalled:
        device.ctrl_transfer(0xA1, 0x77, 0, 0, 6, 1000)
    assert stalled.value.errno == errno.EPIPE
    device.finalize()


def test_a_broken_transfer_is_errno_5_as_with_libusb(bench: Any) -> None:
    bench.plug("1-1", {"do": "eio", "at": {"request": "GETSTATUS"}})
    device = find(bench)
    with pytest.raises(USBError) as broken:
        device.ctrl_transfer(*GETSTATUS, 6, 1000)
    assert broken.value.errno == errno.EIO
    assert len(device.ctrl_transfer(*GETSTATUS, 6, 1000)) == 6
    device.finalize()


def test_silence_is_errno_110_at_the_time_limit_and_the_next_transfer_works(bench: Any) -> None:
    bench.plug("1-1", {"do": "no_answer", "at": {"request": "GETSTATUS"}})
    device = find(bench)
    started_s = time.monotonic()
    with pytest.raises(USBTimeoutError) as silent:
        device.ctrl_transfer(*GETSTATUS, 6, 100)
    assert silent.value.errno == errno.ETIMEDOUT
    assert 0.09 < time.monotonic() - started_s < 5
    assert len(device.ctrl_transfer(*GETSTATUS, 6, 1000)) == 6
    device.finalize()


def test_a_camera_that_is_pulled_is_errno_19(bench: Any) -> None:
    bench.plug()
    device = find(bench)
    assert len(device.ctrl_transfer(*GETSTATUS, 6, 1000)) == 6
    bench.hub.unplug("1-1")
    with pytest.raises(USBError) as gone:
        device.ctrl_transfer(*GETSTATUS, 6, 1000)
    assert gone.value.errno == errno.ENODEV
    device.finalize()


def test_a_camera_that_vanishes_between_listing_and_opening_is_errno_19(bench: Any) -> None:
    bench.plug()
    backend = UsbIpBackend([bench.socket])
    (device,) = backend.enumerate_devices()
    bench.hub.unplug("1-1")
    with pytest.raises(USBError) as gone:
        backend.open_device(device)
    assert gone.value.errno == errno.ENODEV


def test_a_node_that_is_there_but_cannot_be_opened_is_errno_5(bench: Any) -> None:
    bench.plug("1-1", {"do": "eio", "at": {"request": "OPEN"}})
    backend = UsbIpBackend([bench.socket])
    (device,) = backend.enumerate_devices()
    with pytest.raises(USBError) as broken:
        backend.open_device(device)
    assert broken.value.errno == errno.EIO
    backend.close_device(backend.open_device(device))


def test_a_device_that_cannot_be_asked_is_listed_with_what_the_server_knows(bench: Any) -> None:
    bench.plug("1-1", {"do": "eio", "at": {"request": "OPEN"}})
    device = find(bench)
    assert (device.idProduct, device.iSerialNumber, device.bNumConfigurations) == (0x96E3, 0, 1)


def test_another_camera_at_the_same_port_is_not_taken_for_the_first(bench: Any) -> None:
    first = bench.plug()
    bench.hub.unplug("1-1")
    bench.hub.plug("1-1")
    second = bench.arrival("1-1")
    backend = UsbIpBackend([bench.socket])
    with pytest.raises(USBError) as gone:
        backend.open_port(bench.socket, "1-1", first.address)
    assert gone.value.errno == errno.ENODEV
    backend.close_device(backend.open_port(bench.socket, "1-1", second.address))


def test_a_reset_makes_the_camera_leave_its_bootloader(bench: Any) -> None:
    bench.plug()
    device = find(bench)
    with suppress(USBError):  # the camera may be gone before the reset is confirmed
        device.reset()
    bench.departure("1-1")
    device.finalize()


def test_transfers_leave_the_array_alone_beyond_what_came(bench: Any) -> None:
    bench.plug()
    backend = UsbIpBackend([bench.socket])
    (device,) = backend.enumerate_devices()
    handle = backend.open_device(device)
    room = array("B", b"\xee" * 64)
    assert backend.ctrl_transfer(handle, *GETSTATUS, room, 1000) == 6
    assert room[6:].tobytes() == b"\xee" * 58
    backend.close_device(handle)
