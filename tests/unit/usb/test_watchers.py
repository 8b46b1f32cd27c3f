"""Both watchers: what is there first, then every change, and an end that does not wait for the next event."""

from __future__ import annotations

import errno
import os
import queue
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from station.board.openmv_ae3 import OPENMV_AE3
from station.board.usb_ids import UsbIds
from station.dfu.actions import ControlOut
from station.dfu.dfu_protocol import Request
from station.errors import StationError, UsbAccessError
from station.model.devices import Device, DeviceArrived, DeviceEvent, DeviceLeft, DeviceMode
from station.problem import Sentence
from station.sim.spec import Content
from station.sim.usbip_server import listen_unix
from station.usb import udev
from station.usb.access import UsbAccess
from station.usb.transport import open_transport
from station.usb.udev import Overflow, UdevEvent, UdevMonitor
from station.usb.watcher import UdevWatcher, VirtualWatcher, list_devices

IDS = OPENMV_AE3.ids

LIMIT_S = 60.0
CAMERA = Device("3-1.4", 3, 17, 0x37C5, 0x96E3, "A" * 23 + "B", 0x0103, DeviceMode.DFU, "/dev/bus/usb/003/017")


class Told:
    """Events in the order in which a watcher told them."""

    def __init__(self) -> None:
        self._events: queue.SimpleQueue[DeviceEvent] = queue.SimpleQueue()

    def __call__(self, event: DeviceEvent) -> None:
        self._events.put(event)

    def so_far(self) -> list[DeviceEvent]:
        return [self._events.get_nowait() for _ in range(self._events.qsize())]

    def next(self) -> DeviceEvent:
        return self._events.get(timeout=LIMIT_S)


@pytest.fixture
def told() -> Told:
    return Told()


class FakeMonitor:
    """A monitor whose announcements a test makes; it is readable as long as there are some."""

    def __init__(self, cameras: dict[str, Device]) -> None:
        self.listing = cameras
        self._reader, self._writer = os.pipe()
        self._announced: queue.SimpleQueue[UdevEvent | Exception] = queue.SimpleQueue()
        self.thread = threading.current_thread()

    def announce(self, event: UdevEvent | Exception) -> None:
        self._announced.put(event)
        os.write(self._writer, b".")

    def fileno(self) -> int:
        return self._reader

    def receive(self) -> Iterator[UdevEvent]:
        for _ in os.read(self._reader, 100):
            event = self._announced.get(timeout=LIMIT_S)
            if isinstance(event, Exception):
                raise event
            yield event

    def cameras(self, ids: UsbIds) -> dict[str, Device]:
        assert threading.current_thread() is self.thread
        return self.listing

    def close(self) -> None:
        os.close(self._reader)
        os.close(self._writer)


@pytest.fixture
def monitors() -> Iterator[list[FakeMonitor]]:
    opened: list[FakeMonitor] = []
    yield opened
    for monitor in opened:
        monitor.close()


@pytest.fixture
def watch(monitors: list[FakeMonitor]) -> Callable[..., UdevWatcher]:
    def make(listing: dict[str, Device], **given: Any) -> UdevWatcher:
        def open_monitor() -> UdevMonitor:
            monitors.append(FakeMonitor(listing))
            return cast(UdevMonitor, monitors[-1])

        return UdevWatcher(IDS, open_monitor=open_monitor, **given)

    return make


def sysfs(folder: Path, device: Device) -> str:
    """Show a device as sysfs does; gives its path."""
    shown = folder / device.port_path
    shown.mkdir(exist_ok=True)
    attributes = {
        "idVendor": f"{device.vendor_id:04x}",
        "idProduct": f"{device.product_id:04x}",
        "bcdDevice": f"{device.bcd_device:04x}",
        "busnum": device.bus,
        "devnum": device.address,
        "serial": device.serial,
    }
    for name, value in attributes.items():
        (shown / name).write_text(f"{value}\n")
    return str(shown)


def test_what_is_there_is_told_before_start_returns(watch: Callable[..., UdevWatcher], told: Told) -> None:
    with watch({"/sys/a": CAMERA}) as watcher:
        watcher.start(told)
        assert told.so_far() == [DeviceArrived(CAMERA)]


def test_add_and_bind_tell_an_arrival_and_the_departure_is_told_once(
    watch: Callable[..., UdevWatcher], monitors: list[FakeMonitor], told: Told, tmp_path: Path
) -> None:
    path = sysfs(tmp_path, CAMERA)
    with watch({}) as watcher:
        watcher.start(told)
        (monitor,) = monitors
        for action in ("add", "bind", "change", "unbind", "remove"):
            monitor.announce(UdevEvent(action, path, CAMERA.address))
        monitor.announce(UdevEvent("add", path, CAMERA.address))
        assert [told.next() for _ in range(4)] == [
            DeviceArrived(CAMERA),
            DeviceArrived(CAMERA),
            DeviceLeft("3-1.4"),
            DeviceArrived(CAMERA),
        ]


def test_a_departure_without_any_id_is_known_by_its_path(
    watch: Callable[..., UdevWatcher], monitors: list[FakeMonitor], told: Told
) -> None:
    with watch({"/sys/a": CAMERA}) as watcher:
        watcher.start(told)
        told.next()
        monitors[0].announce(UdevEvent("remove", "/sys/other", None))
        monitors[0].announce(UdevEvent("remove", "/sys/a", None))
        assert told.next() == DeviceLeft("3-1.4")


def test_after_an_overflow_the_difference_is_told(
    watch: Callable[..., UdevWatcher], monitors: list[FakeMonitor], told: Told, tmp_path: Path
) -> None:
    other = replace(CAMERA, port_path="3-2", address=19)
    with watch({"/sys/a": CAMERA}) as watcher:
        watcher.start(told)
        told.next()
        monitors[0].listing = {"/sys/b": other}
        monitors[0].announce(Overflow())
        assert [told.next(), told.next()] == [DeviceLeft("3-1.4"), DeviceArrived(other)]
        monitors[0].announce(UdevEvent("remove", "/sys/b", None))
        assert told.next() == DeviceLeft("3-2")


def test_stop_wakes_the_watcher_and_is_safe_to_repeat(watch: Callable[..., UdevWatcher], told: Told) -> None:
    watcher = watch({})
    watcher.stop()
    watcher.start(told)
    started_s = time.monotonic()
    watcher.stop()
    watcher.stop()
    assert time.monotonic() - started_s < 2
    assert not [thread for thread in threading.enumerate() if thread.name == "udev-watcher"]


def test_a_watcher_that_cannot_go_on_says_so(
    watch: Callable[..., UdevWatcher], monitors: list[FakeMonitor], told: Told
) -> None:
    failures: queue.SimpleQueue[StationError] = queue.SimpleQueue()
    lost = UsbAccessError("usb.no_udev", Sentence("lost"))
    with watch({}) as watcher:
        watcher.start(told, failures.put)
        monitors[0].announce(lost)
        assert failures.get(timeout=LIMIT_S) is lost


def test_without_udev_the_error_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told: Told) -> None:
    monkeypatch.setattr(udev, "UDEV_CONTROL", tmp_path / "control")
    with pytest.raises(UsbAccessError, match="udev does not run here") as refused:
        UdevWatcher(IDS).start(told)
    assert (refused.value.code, refused.value.exit_code) == ("usb.no_udev", 5)
    assert refused.value.hint


@pytest.fixture
def udev_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let the real libudev be used even where no udev runs: it then lists, and hears nothing."""
    control = tmp_path / "control"
    control.touch()
    monkeypatch.setattr(udev, "UDEV_CONTROL", control)


@pytest.mark.usefixtures("udev_runs")
def test_the_real_libudev_lists_and_listens(told: Told) -> None:
    monitor = UdevMonitor()
    assert list(monitor.receive()) == []
    assert all(device.vendor_id == 0x37C5 for device in monitor.cameras(IDS).values())
    with UdevWatcher(IDS) as watcher:
        watcher.start(told)
        arrived = {event.device for event in told.so_far() if isinstance(event, DeviceArrived)}
        assert arrived == set(list_devices(UsbAccess(), IDS))


@pytest.mark.usefixtures("udev_runs")
def test_lost_announcements_are_an_overflow_and_other_errors_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monitor = UdevMonitor()

    def poll(timeout: float) -> None:
        raise OSError("Error while polling fd")  # as pyudev says it, whatever is the matter

    monkeypatch.setattr(monitor._monitor, "poll", poll)
    with pytest.raises(UsbAccessError, match="cannot be heard"):
        list(monitor.receive())
    monkeypatch.setattr(udev, "pending_error", lambda _: errno.ENOBUFS)
    with pytest.raises(Overflow):
        list(monitor.receive())


def test_the_error_that_waits_at_a_socket_is_taken_from_it() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = nobody.getsockname()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(address)
        sender.send(b"?")
        assert udev.pending_error(sender.fileno()) == errno.ECONNREFUSED
        assert udev.pending_error(sender.fileno()) == 0


def test_virtual_cameras_are_listed_and_followed(bench: Any, told: Told) -> None:
    first = bench.plug("1-1")
    with VirtualWatcher(bench.access, IDS) as watcher:
        watcher.start(told)
        assert told.so_far() == [DeviceArrived(first)]
        assert first.node == bench.socket
        second = bench.plug("1-2.3", serial="5" * 23 + "6")
        assert told.next() == DeviceArrived(second)
        assert list_devices(bench.access, IDS) == [first, second]
        bench.hub.unplug("1-1")
        assert told.next() == DeviceLeft("1-1")
        bench.hub.plug("1-1")
        again = told.next()
        assert isinstance(again, DeviceArrived)
        assert again.device.address != first.address
        assert again.device.mode is DeviceMode.DFU
    bench.hub.unplug("1-2.3")
    assert told.so_far() == []


def test_a_virtual_camera_comes_back_as_its_application(bench: Any, told: Told, tmp_path: Path) -> None:
    firmware = tmp_path / "firmware"
    firmware.write_bytes(struct.pack("<II", 0x20000000, 0x80021001))
    contents = (Content("HP", str(firmware)),)
    camera = bench.plug("1-1", contents=contents, boot_s=0.01, application_serial="0829c14000000000")
    with VirtualWatcher(bench.access, IDS) as watcher:
        watcher.start(told)
        assert told.next() == DeviceArrived(camera)
        transport = open_transport(bench.access, camera)
        transport.perform(ControlOut(Request.DETACH, 1000, b"", 5.0))
        assert told.next() == DeviceLeft("1-1")
        transport.close()
        back = told.next()
        assert isinstance(back, DeviceArrived)
        assert back.device.mode is DeviceMode.APPLICATION
        assert back.device.serial == "0829c14000000000"


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Callable[[bytes], UsbAccess]]:
    """A control socket that sends given bytes and ends."""
    folders: list[Path] = []
    threads: list[threading.Thread] = []

    def serve(listener: socket.socket, sent: bytes) -> None:
        with listener, listener.accept()[0] as connection:
            assert connection.recv(100) == b'{"do": "watch"}\n'
            connection.sendall(sent)

    def start(sent: bytes) -> UsbAccess:
        folder = tmp_path / f"shard{len(folders)}"
        folder.mkdir()
        folders.append(folder)
        listener = listen_unix(str(folder / "control.sock"))
        threads.append(threading.Thread(target=serve, args=(listener, sent)))
        threads[-1].start()
        return UsbAccess("usbip", (str(folder),))

    yield start
    for thread in threads:
        thread.join(LIMIT_S)
        assert not thread.is_alive()


ARRIVED = (
    b'{"event": "arrived", "device": {"port_path": "1-9", "bus": 1, "address": 2, "vendor_id": 14277, '
    b'"product_id": 5859, "serial": "", "bcd_device": 259}}\n'
)


def test_cameras_leave_with_the_process_that_serves_them_and_the_others_stay(
    bench: Any, control: Callable[[bytes], UsbAccess], told: Told
) -> None:
    ended = control(ARRIVED + b'{"event": "listed"}\n')
    access = UsbAccess("usbip", (*ended.directories, *bench.access.directories))
    with VirtualWatcher(access, IDS) as watcher:
        watcher.start(told)
        arrived = told.next()
        assert isinstance(arrived, DeviceArrived)
        assert (arrived.device.mode, arrived.device.serial) == (DeviceMode.APPLICATION, "")
        assert told.next() == DeviceLeft("1-9")
        plugged = bench.plug("1-1")
        assert told.next() == DeviceArrived(plugged)


@pytest.mark.parametrize("sent", [b"", ARRIVED, b'{"error": "watch: ask udev"}\n'])
def test_a_process_that_does_not_list_its_cameras_is_an_error(
    control: Callable[[bytes], UsbAccess], told: Told, sent: bytes
) -> None:
    with pytest.raises(UsbAccessError) as refused:
        VirtualWatcher(control(sent), IDS).start(told)
    assert refused.value.code == "usb.no_sim"


def test_no_virtual_cameras_are_an_error_that_names_the_socket(tmp_path: Path, told: Told) -> None:
    access = UsbAccess("usbip", (str(tmp_path),))
    with pytest.raises(UsbAccessError, match=r"control\.sock"):
        VirtualWatcher(access, IDS).start(told)
    with pytest.raises(UsbAccessError, match=r"control\.sock"):
        list_devices(access, IDS)
