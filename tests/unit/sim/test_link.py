"""A link without a hub: what it does when nobody closes it."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from station.dfu.dfu_protocol import REQUEST_TYPE_IN, Request
from station.sim.camera import Camera
from station.sim.camera_socket import Link
from tests.unit.sim.driver import spec
from tests.unit.sim.usbip_client import Client


def test_a_connection_to_an_earlier_appearance_ends_with_its_first_request() -> None:
    """Between a camera's return and the hub's noticing, an old connection must not reach the new session."""
    ours, theirs = socket.socketpair()
    camera = Camera(spec(), time.monotonic)
    camera.power_on()
    told: list[Link] = []
    thread = threading.Thread(target=Link(ours, camera, told.append).run)
    thread.start()
    client = Client(theirs)
    client.control(0x00, 9, 1)
    with camera.lock:
        camera.power_off()
        camera.power_on()
    client.submit(REQUEST_TYPE_IN, Request.UPLOAD, 1, 64)
    with pytest.raises(ConnectionError):
        client.take(1)
    client.close()
    thread.join(60)
    assert not thread.is_alive()
    assert not camera.state()["attached"]


def test_a_message_that_is_no_usbip_ends_the_connection() -> None:
    ours, theirs = socket.socketpair()
    camera = Camera(spec(), time.monotonic)
    camera.power_on()
    thread = threading.Thread(target=Link(ours, camera, lambda _: None).run)
    thread.start()
    theirs.settimeout(10)
    theirs.sendall(b"\xff" * 48)
    assert theirs.recv(1) == b""
    theirs.close()
    thread.join(60)
    assert not thread.is_alive()
