"""Connections to a USB/IP server: what it exports, and control transfers to one imported device."""

from __future__ import annotations

import errno
import socket
import struct
from array import array

from station.usb.usbip import usbip_protocol
from station.usb.usbip.usbip_protocol import ExportedDevice

Endpoint = str | tuple[str, int]
"""Where a server listens: the path of a Unix socket, or host and TCP port."""

OPERATION_TIMEOUT_S = 10.0
"""For connecting, listing and importing: these ask the server only, never the device."""
UNLINK_TIMEOUT_MS = 5000
"""How long the server may take to take a transfer back."""

MAX_TRANSFER_BYTES = 0xFFFF
"""wLength has 16 bits."""

_TIMEVAL = struct.Struct("ll")


def connect(endpoint: Endpoint) -> socket.socket:
    """A connected stream socket with a time limit on every call; OSError where nobody listens."""
    if isinstance(endpoint, tuple):
        connection = socket.create_connection(endpoint, timeout=OPERATION_TIMEOUT_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(OPERATION_TIMEOUT_S)
        connection.connect(endpoint)
    except OSError:
        connection.close()
        raise
    return connection


def list_exported(endpoint: Endpoint) -> list[ExportedDevice]:
    """All devices of one server; OSError where it does not answer."""
    return [device for device, _ in _listed(endpoint)]


def exported_interfaces(endpoint: Endpoint, bus_id: str) -> tuple[tuple[int, int], ...]:
    """Class and subclass of each interface of one device, none where it is not there; OSError as above."""
    for device, raw in _listed(endpoint):
        if device.bus_id == bus_id:
            return tuple((kind, subclass) for kind, subclass, _ in usbip_protocol.INTERFACE.iter_unpack(raw))
    return ()


def _listed(endpoint: Endpoint) -> list[tuple[ExportedDevice, bytes]]:
    """All devices, each with what is said of its interfaces."""
    with connect(endpoint) as connection:
        connection.sendall(usbip_protocol.OPERATION.pack(usbip_protocol.VERSION, usbip_protocol.OP_REQ_DEVLIST, 0))
        _check_reply(connection, usbip_protocol.OP_REP_DEVLIST)
        (count,) = usbip_protocol.COUNT.unpack(_receive(connection, usbip_protocol.COUNT.size))
        devices = []
        for _ in range(count):
            device = ExportedDevice.decode(_receive(connection, usbip_protocol.DEVICE.size))
            raw = bytes(_receive(connection, usbip_protocol.INTERFACE.size * device.interfaces))
            devices.append((device, raw))
        return devices


def import_device(endpoint: Endpoint, bus_id: str) -> tuple[ExportedDevice, UsbIpLink]:
    """Take one device. OSError: ENODEV where the server has no such device or does not give it away."""
    connection = connect(endpoint)
    try:
        head = usbip_protocol.OPERATION.pack(usbip_protocol.VERSION, usbip_protocol.OP_REQ_IMPORT, 0)
        connection.sendall(head + usbip_protocol.BUS_ID.pack(bus_id.encode("ascii")))
        _check_reply(connection, usbip_protocol.OP_REP_IMPORT)
        device = ExportedDevice.decode(_receive(connection, usbip_protocol.DEVICE.size))
    except OSError:
        connection.close()
        raise
    return device, UsbIpLink(connection, device.bus << 16 | device.address)


def _check_reply(connection: socket.socket, code: int) -> None:
    _, found, status = usbip_protocol.OPERATION.unpack(_receive(connection, usbip_protocol.OPERATION.size))
    if found != code:
        raise OSError(errno.EPROTO, f"the USB/IP server answered {found:#06x} instead of {code:#06x}")
    if status != 0:
        raise OSError(errno.ENODEV, f"the USB/IP server refused (status {status})")


def _receive(connection: socket.socket, size_bytes: int) -> bytes:
    parts = bytearray()
    while len(parts) < size_bytes:
        part = connection.recv(size_bytes - len(parts))
        if not part:
            raise OSError(errno.ENODEV, "the USB/IP server closed the connection")
        parts += part
    return bytes(parts)


class UsbIpLink:
    """One imported device: one connection, one transfer at a time, by one thread at a time.

    The socket blocks, and the kernel counts the time limit (SO_RCVTIMEO): one system call to send and one to receive
    is all that a transfer costs.
    """

    def __init__(self, connection: socket.socket, device_id: int) -> None:
        connection.settimeout(None)
        self._socket = connection
        self._device_id = device_id
        self._sequence = 0
        self._timeout_ms = -1
        self._out = bytearray(usbip_protocol.HEADER_BYTES + MAX_TRANSFER_BYTES)
        self._out_view = memoryview(self._out)
        self._in = bytearray(usbip_protocol.HEADER_BYTES)
        self._in_view = memoryview(self._in)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _TIMEVAL.pack(int(OPERATION_TIMEOUT_S), 0))

    def control(
        self, request_type: int, request: int, value: int, index: int, data: array[int], timeout_ms: int
    ) -> int:
        """One control transfer: the bytes that moved, or a negative errno. `data` gives wLength; IN fills it.

        -ETIMEDOUT comes after the server has taken the transfer back; a reply that overtakes that counts. `timeout_ms`
        0 waits for ever.
        """
        length = len(data)
        view = memoryview(data)
        reading = bool(request_type & 0x80)
        self._sequence = sequence = (self._sequence + 1) & 0x7FFFFFFF
        direction = usbip_protocol.DIRECTION_IN if reading else usbip_protocol.DIRECTION_OUT
        out = self._out
        head = (usbip_protocol.CMD_SUBMIT, sequence, self._device_id, direction, 0, 0, length, 0, 0, 0)
        usbip_protocol.SUBMIT_HEAD.pack_into(out, 0, *head)
        usbip_protocol.SETUP.pack_into(out, usbip_protocol.SETUP_OFFSET, request_type, request, value, index, length)
        end = usbip_protocol.HEADER_BYTES
        if not reading:
            end += length
            out[usbip_protocol.HEADER_BYTES : end] = view
        room = view if reading else view[:0]
        try:
            self._limit(timeout_ms)
            self._socket.sendall(self._out_view[:end])
            moved = self._status_of(sequence) if self._receive_reply(room) else self._take_back(sequence, room)
            if moved > length:
                raise OSError(errno.EPROTO, f"the USB/IP server moved {moved} bytes instead of {length}")
            return moved
        except OSError:
            # Whatever it was: where the stream breaks off nothing more can be said to the device.
            self.close()
            return -errno.ENODEV

    def close(self) -> None:
        """Give the device back; safe to call twice."""
        self._socket.close()

    def _limit(self, timeout_ms: int) -> None:
        if timeout_ms != self._timeout_ms:
            packed = _TIMEVAL.pack(timeout_ms // 1000, timeout_ms % 1000 * 1000)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, packed)
            self._timeout_ms = timeout_ms

    def _receive_reply(self, room: memoryview, *, alone: bool = True) -> bool:
        """Read one reply: its head, and what it carries into `room`. False at the time limit.

        Where the reply is `alone` (nothing can follow it), head and payload are taken in one call.
        """
        try:
            got = self._socket.recvmsg_into((self._in_view, room) if alone else (self._in_view,))[0]
        except BlockingIOError:
            return False
        if got == 0:
            raise ConnectionResetError(errno.ENODEV, "the USB/IP server closed the connection")
        if got < usbip_protocol.HEADER_BYTES:
            self._fill(self._in_view[got:])
            got = usbip_protocol.HEADER_BYTES
        command, *_, moved = usbip_protocol.REPLY.unpack_from(self._in)
        if command == usbip_protocol.RET_SUBMIT and len(room):
            if moved > len(room):
                raise OSError(errno.EPROTO, f"the USB/IP server sent {moved} bytes instead of {len(room)}")
            self._fill(room[got - usbip_protocol.HEADER_BYTES : moved])
        return True

    def _fill(self, room: memoryview) -> None:
        while len(room):
            got = self._socket.recv_into(room)
            if got == 0:
                raise ConnectionResetError(errno.ENODEV, "the USB/IP server closed the connection")
            room = room[got:]

    def _status_of(self, sequence: int) -> int:
        command, answered, _, _, _, status, moved = usbip_protocol.REPLY.unpack_from(self._in)
        if command != usbip_protocol.RET_SUBMIT or answered != sequence:
            raise OSError(errno.EPROTO, f"the USB/IP server answered {command} to {answered} instead of {sequence}")
        return int(status) if status < 0 else int(moved)

    def _take_back(self, sequence: int, room: memoryview) -> int:
        """Withdraw a transfer at its time limit and read until the server has confirmed it."""
        self._sequence = unlink = (sequence + 1) & 0x7FFFFFFF
        message = usbip_protocol.UNLINK.pack(usbip_protocol.CMD_UNLINK, unlink, self._device_id, 0, 0, sequence)
        self._limit(UNLINK_TIMEOUT_MS)
        self._socket.sendall(message)
        result = -errno.ETIMEDOUT
        while True:
            if not self._receive_reply(room, alone=False):
                raise OSError(errno.EPROTO, "the USB/IP server does not take a transfer back")
            command, answered, *_ = usbip_protocol.REPLY.unpack_from(self._in)
            if command == usbip_protocol.RET_UNLINK and answered == unlink:
                return result
            result = self._status_of(sequence)
