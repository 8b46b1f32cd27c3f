"""The vhci side without a kernel: a test's own `attach` takes the kernel's end of the socket pair."""

from __future__ import annotations

import errno
import os
import queue
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from station.dfu.dfu_protocol import REQUEST_TYPE_IN, REQUEST_TYPE_OUT, Request
from station.sim.hub import Hub
from station.sim.vhci import KernelHost, spread
from tests.unit.sim.driver import bootable, spec
from tests.unit.sim.usbip_client import Client

LIMIT_S = 60.0


class FakeKernel:
    """Takes sockets as vhci does, by duplicating the descriptor; each appearance is a `Client`."""

    def __init__(self) -> None:
        self.attached: queue.SimpleQueue[tuple[int, Client]] = queue.SimpleQueue()
        self.busy = 0

    def attach(self, port_number: int, sock: socket.socket, device_id: int) -> None:
        if self.busy:
            self.busy -= 1
            raise OSError(errno.EBUSY, "port in use")
        self.attached.put((port_number, Client(socket.socket(fileno=os.dup(sock.fileno())))))

    def appearance(self) -> tuple[int, Client]:
        return self.attached.get(timeout=LIMIT_S)


@pytest.fixture
def kernel() -> FakeKernel:
    return FakeKernel()


@pytest.fixture
def hub(kernel: FakeKernel) -> Iterator[Hub]:
    host = KernelHost(attach_to=kernel.attach)
    made = Hub(host)
    host.drive(made)
    yield made
    made.close()


def wait_for_phase(hub: Hub, phase: str) -> None:
    limit_s = time.monotonic() + LIMIT_S
    while hub.port("1-1.1").camera.state()["phase"] != phase:
        assert time.monotonic() < limit_s, f"never {phase}"
        time.sleep(0.005)


def test_ports_are_spread_over_the_controllers() -> None:
    assert [spread(index) for index in range(10)] == [0, 30, 60, 90, 120, 150, 180, 210, 1, 31]
    assert len({spread(index) for index in range(120)}) == 120


def test_a_camera_is_attached_and_comes_back_as_its_application_on_the_same_port(
    hub: Hub, kernel: FakeKernel, tmp_path: Path
) -> None:
    hub.add([spec(contents=bootable(tmp_path), boot_s=0.05, vhci_port=31)])
    port, bootloader = kernel.appearance()
    assert port == 31
    bootloader.control(0x00, 9, 1)
    assert len(bootloader.control(REQUEST_TYPE_IN, Request.UPLOAD, 1, 64)) == 64
    bootloader.control(REQUEST_TYPE_OUT, Request.DETACH)
    acknowledged_s = time.monotonic()
    with pytest.raises(ConnectionError):
        bootloader.take(1)
    assert time.monotonic() - acknowledged_s >= 0.002, "the host must see the acknowledgement first"
    bootloader.close()
    port, application = kernel.appearance()
    assert port == 31
    assert application.control(0x80, 6, 0x0100, 18)[10:12] == b"\xe3\x16"
    application.close()


def test_a_port_that_is_not_free_yet_is_tried_again(hub: Hub, kernel: FakeKernel) -> None:
    kernel.busy = 3
    hub.add([spec()])
    _, client = kernel.appearance()
    client.close()


def test_when_the_kernel_closes_the_connection_the_camera_has_no_power(hub: Hub, kernel: FakeKernel) -> None:
    hub.add([spec(forced=True)])
    _, client = kernel.appearance()
    client.control(0x00, 9, 1)
    client.close()
    wait_for_phase(hub, "off")
    hub.plug("1-1.1")
    _, client = kernel.appearance()
    client.close()


def test_a_camera_that_leaves_by_itself_is_not_taken_for_unplugged(
    hub: Hub, kernel: FakeKernel, tmp_path: Path
) -> None:
    hub.add([spec(contents=bootable(tmp_path), boot_s=0.05)])
    _, client = kernel.appearance()
    client.control(0x00, 9, 1)
    client.submit(REQUEST_TYPE_IN, Request.UPLOAD, 1, 64)
    client.submit(REQUEST_TYPE_OUT, Request.DETACH, 0, 0)
    client.submit(REQUEST_TYPE_IN, Request.GETSTATE, 0, 1)
    _, application = kernel.appearance()
    client.close()
    wait_for_phase(hub, "application")
    application.close()


def test_unplugging_closes_the_kernels_connection(hub: Hub, kernel: FakeKernel) -> None:
    hub.add([spec()])
    _, client = kernel.appearance()
    hub.unplug("1-1.1")
    with pytest.raises(ConnectionError):
        client.take(1)
    client.close()


def test_what_a_silent_camera_was_asked_is_answered_when_it_is_pulled(hub: Hub, kernel: FakeKernel) -> None:
    """A host controller ends the transfers of a device that is gone; vhci would wait for their time limits."""
    hub.add([spec(forced=True, faults=[{"do": "silence", "at": {"request": "GETSTATE"}}])])
    _, client = kernel.appearance()
    client.control(0x00, 9, 1)
    silent = client.submit(REQUEST_TYPE_IN, Request.GETSTATE, 0, 1)
    behind = client.submit(REQUEST_TYPE_IN, Request.GETSTATE, 0, 1)
    unlink = client.unlink(client.submit(REQUEST_TYPE_IN, Request.GETSTATE, 0, 1))
    assert client.answer() == (4, unlink, -104, b""), "both have arrived by now"
    hub.unplug("1-1.1")
    assert client.answer() == (3, silent, -108, b"")
    assert client.answer() == (3, behind, -108, b"")
    with pytest.raises(ConnectionError):
        client.take(1)
    client.close()


def test_the_kernels_bus_reset_is_guessed_from_its_first_request(hub: Hub, kernel: FakeKernel) -> None:
    hub.add([spec()])
    _, client = kernel.appearance()
    for _ in range(2):
        assert len(client.control(0x80, 6, 0x0100, 64)) == 18, "twice in an ordinary enumeration"
    client.control(0x00, 9, 1)
    client.control(REQUEST_TYPE_IN, Request.UPLOAD, 1, 64)
    assert len(client.control(0x80, 6, 0x0100, 18)) == 18, "an ordinary question"
    assert len(client.control(0x80, 6, 0x0100, 64)) == 18
    with pytest.raises(ConnectionError):
        client.take(1)
    client.close()
