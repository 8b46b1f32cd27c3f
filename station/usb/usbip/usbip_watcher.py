"""The watcher's twin for virtual cameras: JSON lines from the control socket of each process that serves some.

After `{"do": "watch"}` a process sends an `arrived` line for each camera that is there, `listed`, and then `arrived`
and `left` lines as things happen.
"""

from __future__ import annotations

import selectors
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

from station.board.usb_ids import UsbIds
from station.errors import UsbAccessError
from station.json_lines import JsonSocket
from station.model.devices import Device
from station.problem import Sentence, sentence
from station.usb.access import UsbAccess
from station.usb.sysfs import Presence
from station.usb.watcher_thread import OnEvent, Watcher

CONNECT_TIMEOUT_S = 10.0


class ControlStream:
    """One watched control socket: what it announces, as values. `usbip_socket` serves the cameras it speaks of."""

    def __init__(self, control_socket: str, usbip_socket: str, ids: UsbIds) -> None:
        self._usbip_socket = usbip_socket
        self._ids = ids
        try:
            self._link = JsonSocket.connected(control_socket, CONNECT_TIMEOUT_S)
            self._link.send({"do": "watch"})
        except OSError as error:
            raise UsbAccessError(
                "usb.no_sim", sentence("no virtual cameras at {place}: {error}", place=control_socket, error=error)
            ) from error

    def fileno(self) -> int:
        """Readable when there is something to receive."""
        return self._link.fileno()

    def close(self) -> None:
        """Watch no more."""
        self._link.close()

    def receive(self) -> list[dict[str, Any]] | None:
        """Wait for the next announcements; None where the other side has ended."""
        try:
            return self._link.receive()
        except ValueError:
            return None  # what speaks like this is no simulation

    def until_listed(self, presence: Presence) -> None:
        """Report everything that is there, and what comes right behind it."""
        listed = False
        while not listed:
            try:
                messages = self.receive()
            except TimeoutError as error:
                raise UsbAccessError("usb.no_sim", sentence("the virtual cameras are not listed in time")) from error
            if messages is None:
                raise UsbAccessError("usb.no_sim", sentence("the process of the virtual cameras ended"))
            for message in messages:
                listed = self.tell(message, presence) or listed
        self._link.wait_without_limit()

    def tell(self, message: dict[str, Any], presence: Presence) -> bool:
        """Tell one announcement; True for the one that ends the list."""
        if message.get("event") == "arrived":
            device = self._device(message["device"])
            presence.arrived(device.port_path, device)
        elif message.get("event") == "left":
            presence.left(message["port_path"])
        elif "error" in message:
            raise UsbAccessError("usb.no_sim", Sentence(str(message["error"])))
        return message.get("event") == "listed"

    def _device(self, fields: dict[str, Any]) -> Device:
        return Device(
            port_path=fields["port_path"],
            bus=fields["bus"],
            address=fields["address"],
            vendor_id=fields["vendor_id"],
            product_id=fields["product_id"],
            serial=fields["serial"],
            bcd_device=fields["bcd_device"],
            mode=self._ids.mode_of(fields["vendor_id"], fields["product_id"]),
            node=self._usbip_socket,
        )


class VirtualWatcher(Watcher):
    """Watches virtual cameras. `start` raises UsbAccessError `usb.no_sim` where nobody serves them."""

    _name = "virtual-watcher"

    def __init__(self, access: UsbAccess, ids: UsbIds) -> None:
        super().__init__()
        self._access = access
        self._ids = ids

    def _watch(self, on_event: OnEvent, ready: Callable[[], None], wake_fd: int) -> None:
        with ExitStack() as stack:
            selector = stack.enter_context(selectors.DefaultSelector())
            selector.register(wake_fd, selectors.EVENT_READ)
            for stream in _streams(self._access, self._ids, stack):
                presence = Presence(on_event)
                stream.until_listed(presence)
                selector.register(stream, selectors.EVENT_READ, (stream, presence))
            ready()
            while self._follow(selector):
                pass

    def _follow(self, selector: selectors.BaseSelector) -> bool:
        """Wait once, and tell what came; False at the end."""
        for key, _ in selector.select():
            if key.data is None:
                return False
            stream, presence = key.data
            messages = stream.receive()
            if messages is None:
                selector.unregister(stream)
                presence.listed({})
            for message in messages or ():
                stream.tell(message, presence)
        return True


def virtual_devices(access: UsbAccess, ids: UsbIds) -> list[Device]:
    """Every virtual camera that is plugged in now. UsbAccessError `usb.no_sim` where nobody serves them."""
    found: dict[str, Device] = {}
    with ExitStack() as stack:
        for stream in _streams(access, ids, stack):
            presence = Presence(lambda _: None)
            stream.until_listed(presence)
            found |= presence.known
    return list(found.values())


def _streams(access: UsbAccess, ids: UsbIds, stack: ExitStack) -> Iterator[ControlStream]:
    for control_socket, usbip_socket in zip(access.control_sockets, access.usbip_sockets, strict=True):
        stream = ControlStream(control_socket, usbip_socket, ids)
        stack.callback(stream.close)
        yield stream
