from __future__ import annotations

import errno
import os
import time
from array import array
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from usb.core import USBError, USBTimeoutError

from station.dfu.actions import DONE, GONE, STALLED, TIMED_OUT, Broken, ControlIn, ControlOut, Data, SetInterface, Wait
from station.dfu.dfu_protocol import Request
from station.errors import UsbError
from station.model.devices import Device, DeviceMode
from station.usb.access import UsbAccess
from station.usb.libusb import libusb
from station.usb.transport import Transport, open_transport

GETSTATUS = ControlIn(Request.GETSTATUS, 0, 6, 5.0)
NAMES = ["BOOT", "HP", "HE", "ROMFS1", "TOC", "RWFS", "ROMFS0", "RECOVERY"]
BLOCK = bytes(range(256)) * 16


def payload(reply: object) -> bytes:
    assert isinstance(reply, Data)
    return bytes(reply.payload)


def test_a_block_is_written_and_read_back(bench: Any) -> None:
    transport = open_transport(bench.access, bench.plug())
    assert transport.perform(SetInterface(5)) == DONE
    assert transport.perform(ControlOut(Request.DNLOAD, 3, BLOCK, 5.0)) == DONE
    assert payload(transport.perform(GETSTATUS))[4] == 4
    assert payload(transport.perform(GETSTATUS))[4] == 5
    assert transport.perform(ControlOut(Request.ABORT, 0, b"", 5.0)) == DONE
    assert payload(transport.perform(ControlIn(Request.UPLOAD, 3, 4096, 5.0))) == BLOCK
    transport.close()
    transport.close()


def test_a_payload_is_a_view_of_a_buffer_that_is_used_again(bench: Any) -> None:
    transport = open_transport(bench.access, bench.plug())
    transport.perform(SetInterface(0))
    first, second = (transport.perform(ControlIn(Request.UPLOAD, block, 4096, 5.0)) for block in (1, 2))
    assert isinstance(first, Data)
    assert isinstance(second, Data)
    assert isinstance(first.payload, memoryview)
    assert first.payload == second.payload
    transport.close()


def test_a_memoryview_is_sent_as_bytes_are(bench: Any) -> None:
    transport = open_transport(bench.access, bench.plug())
    transport.perform(SetInterface(5))
    assert transport.perform(ControlOut(Request.DNLOAD, 0, memoryview(BLOCK)[:4096], 5.0)) == DONE
    transport.perform(GETSTATUS)
    transport.perform(GETSTATUS)
    assert payload(transport.perform(ControlIn(Request.UPLOAD, 0, 4096, 5.0))) == BLOCK
    transport.close()


def test_the_descriptors_come_from_the_camera(bench: Any) -> None:
    transport = open_transport(bench.access, bench.plug())
    device = transport.device_descriptor()
    assert (device.idVendor, device.idProduct, device.bcdDevice) == (0x37C5, 0x96E3, 0x0103)
    raw = transport.configuration_descriptor_raw()
    assert len(raw) == int.from_bytes(raw[2:4], "little")
    indices = [raw[offset + 8] for offset in range(9, 9 + 8 * 9, 9)]
    assert [transport.string(index) for index in indices] == NAMES
    assert transport.string(device.iSerialNumber) == "0102030405060708090A0B0C"
    assert transport.string(0) == ""
    transport.close()


def test_a_string_that_is_not_there_is_a_stall(bench: Any) -> None:
    transport = open_transport(bench.access, bench.plug())
    with pytest.raises(UsbError) as refused:
        transport.string(99)
    assert refused.value.code == "usb.stall"
    transport.close()


@pytest.mark.parametrize(
    ("fault", "reply"),
    [("stall", STALLED), ("eio", Broken(errno.EIO)), ("no_answer", TIMED_OUT), ("vanish", GONE)],
)
def test_what_the_bus_does_is_a_reply(bench: Any, fault: str, reply: object) -> None:
    device = bench.plug("1-1", {"do": fault, "at": {"request": "GETSTATUS"}})
    transport = open_transport(bench.access, device)
    assert transport.perform(replace(GETSTATUS, timeout_s=0.2)) == reply
    transport.close()


def test_the_device_is_gone_for_good(bench: Any) -> None:
    transport = open_transport(bench.access, bench.plug())
    bench.hub.unplug("1-1")
    assert transport.perform(GETSTATUS) == GONE
    assert transport.perform(SetInterface(0)) == GONE
    assert transport.perform(ControlOut(Request.ABORT, 0, b"", 1.0)) == GONE
    with pytest.raises(UsbError) as gone:
        transport.device_descriptor()
    assert gone.value.code == "usb.disconnected"
    transport.reset()
    transport.close()


def test_a_reset_makes_the_camera_leave(bench: Any) -> None:
    transport = open_transport(bench.access, bench.plug())
    transport.reset()
    bench.departure("1-1")
    transport.close()


def test_a_camera_that_is_not_there_any_more_is_disconnected(bench: Any) -> None:
    device = bench.plug()
    with pytest.raises(UsbError) as moved:
        open_transport(bench.access, replace(device, address=device.address + 1))
    assert moved.value.code == "usb.disconnected"
    bench.hub.unplug("1-1")
    with pytest.raises(UsbError) as gone:
        open_transport(bench.access, device)
    assert gone.value.code == "usb.disconnected"


def test_a_camera_that_is_there_but_cannot_be_opened_is_an_io_error(bench: Any) -> None:
    device = bench.plug("1-1", {"do": "eio", "at": {"request": "OPEN"}})
    with pytest.raises(UsbError) as broken:
        open_transport(bench.access, device)
    assert broken.value.code == "usb.io"


def test_without_a_node_all_servers_are_asked(bench: Any, tmp_path: Path) -> None:
    device = replace(bench.plug(), node="")
    access = UsbAccess("usbip", (str(tmp_path / "none"), *bench.access.directories))
    transport = open_transport(access, device)
    assert isinstance(transport.perform(GETSTATUS), Data)
    transport.close()


class Recorder:
    """A backend that records what it is asked and answers what it is told to."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.calls: list[tuple[Any, ...]] = []

    def _act(self, *call: Any) -> Any:
        self.calls.append(call)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def ctrl_transfer(self, handle: Any, kind: int, request: int, value: int, index: int, data: Any, limit: int) -> int:
        assert isinstance(data, array)
        moved = self._act("transfer", kind, request, value, index, data.tobytes(), limit)
        return len(data) if moved is None else int(moved)

    def set_interface_altsetting(self, handle: Any, intf: int, altsetting: int) -> None:
        self._act("set_interface", intf, altsetting)

    def claim_interface(self, handle: Any, intf: int) -> None:
        self._act("claim", intf)

    def reset_device(self, handle: Any) -> None:
        self._act("reset")


def transport_over(backend: Recorder) -> Transport:
    return Transport(backend, object(), lambda _: None)


@pytest.mark.parametrize(("limit_s", "limit_ms"), [(0.0, 1), (0.0001, 1), (0.25, 250), (1.0001, 1001), (120.0, 120000)])
def test_a_time_limit_is_rounded_up_and_never_for_ever(limit_s: float, limit_ms: int) -> None:
    backend = Recorder()
    transport = transport_over(backend)
    transport.perform(ControlIn(Request.GETSTATUS, 0, 6, limit_s))
    transport.perform(ControlOut(Request.DNLOAD, 7, b"ab", limit_s))
    assert backend.calls == [
        ("transfer", 0xA1, 3, 0, 0, bytes(6), limit_ms),
        ("transfer", 0x21, 1, 7, 0, b"ab", limit_ms),
    ]


def test_a_block_that_the_device_cut_short_did_not_arrive() -> None:
    reply = transport_over(Recorder(64)).perform(ControlOut(Request.DNLOAD, 0, bytes(4096), 1.0))
    assert reply == Broken(errno.EIO)


@pytest.mark.parametrize(
    ("error", "reply"),
    [
        (USBTimeoutError("Operation timed out", -7, 110), TIMED_OUT),
        (USBError("Pipe error", -9, 32), STALLED),
        (USBError("No such device", -4, 19), GONE),
        (USBError("Other error", -99, None), Broken(5)),
        (NotImplementedError("not supported"), Broken(38)),
    ],
)
def test_errors_of_libusb_are_replies(error: Exception, reply: object) -> None:
    transport = transport_over(Recorder(error))
    assert transport.perform(GETSTATUS) == reply
    assert transport.perform(ControlOut(Request.DNLOAD, 0, b"x", 1.0)) == reply
    assert transport.perform(SetInterface(1)) == reply


def test_a_mistake_of_ours_is_not_a_reply() -> None:
    with pytest.raises(TypeError):
        transport_over(Recorder(TypeError("wrong"))).perform(GETSTATUS)


@pytest.mark.parametrize(("number", "raises"), [(19, False), (2, False), (5, True), (None, True)])
def test_a_reset_may_lose_the_device_but_not_fail(number: int | None, raises: bool) -> None:
    transport = transport_over(Recorder(USBError("why", None, number)))
    if not raises:
        transport.reset()
        return
    with pytest.raises(UsbError) as failed:
        transport.reset()
    assert failed.value.code == "usb.io"


def test_waiting_sends_nothing() -> None:
    backend = Recorder()
    started_s = time.monotonic()
    assert transport_over(backend).perform(Wait(0.02)) == DONE
    assert time.monotonic() - started_s >= 0.02
    assert backend.calls == []


@pytest.mark.parametrize("raw", [b"\x12", bytes(18)])
def test_a_descriptor_that_makes_no_sense_is_an_io_error(raw: bytes) -> None:
    transport = transport_over(Recorder(len(raw)))
    with pytest.raises(UsbError, match="makes no sense"):
        transport.device_descriptor()
    with pytest.raises(UsbError, match="makes no sense"):
        transport.configuration_descriptor_raw()
    with pytest.raises(UsbError, match="makes no sense"):
        transport.string(1)


REAL = Device("1-1", 1, 5, 0x37C5, 0x96E3, "", 0x0103, DeviceMode.DFU)


def test_a_real_node_that_is_gone_is_disconnected(tmp_path: Path) -> None:
    with pytest.raises(UsbError) as gone:
        open_transport(UsbAccess(), replace(REAL, node=str(tmp_path / "005")))
    assert gone.value.code == "usb.disconnected"


@pytest.mark.parametrize(("vendor_id", "code"), [(0x37C5, "usb.io"), (0x1D6B, "usb.disconnected")])
def test_a_node_that_is_another_device_or_none_is_given_back(tmp_path: Path, vendor_id: int, code: str) -> None:
    node = tmp_path / "005"
    node.write_bytes(bytes(8) + vendor_id.to_bytes(2, "little") + (0x96E3).to_bytes(2, "little") + bytes(6))
    libusb()
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(UsbError) as refused:
        open_transport(UsbAccess(), replace(REAL, node=str(node)))
    assert refused.value.code == code
    assert len(os.listdir("/proc/self/fd")) == before


def test_libusb_is_loaded_once_and_follows_no_devices() -> None:
    assert libusb() is libusb()
    assert libusb().opens_by_node
    assert list(libusb().backend.enumerate_devices()) == []
