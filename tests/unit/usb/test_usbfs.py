"""Control transfers by the kernel's own call: what is asked of it, and what becomes of its answer. That the kernel
takes it so is the rig's to show."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import struct
from types import SimpleNamespace
from typing import Any

import pytest

from station.dfu.actions import DONE, GONE, STALLED, TIMED_OUT, Broken, ControlIn, ControlOut, Data
from station.dfu.dfu_protocol import Request
from station.usb.libusb import NodeHandle
from station.usb.transport import Transport
from station.usb.usbfs import NodeBackend

USBDEVFS_CONTROL = 0xC0185500
"""As `linux/usbdevice_fs.h` has it where a pointer has 64 bits."""


class Kernel:
    """Takes one transfer: keeps its head and its bytes, gives `answer`."""

    def __init__(self, answer: bytes = b"", error: int = 0, takes: int | None = None) -> None:
        self.answer, self.error, self.takes = answer, error, takes
        self.heads: list[tuple[int, ...]] = []
        self.sent = b""

    def ioctl(self, fd: int, code: int, order: bytearray) -> int:
        *head, address = struct.unpack("@BBHHHIP", order)
        self.heads.append((fd, code, *head))
        if self.error:
            raise OSError(self.error, "as the kernel says it")
        if head[0] & 0x80:
            ctypes.memmove(address, self.answer, len(self.answer))
            return len(self.answer)
        self.sent = ctypes.string_at(address, head[4])
        return len(self.sent) if self.takes is None else self.takes


def transport(monkeypatch: pytest.MonkeyPatch, kernel: Kernel) -> Transport:
    monkeypatch.setattr(fcntl, "ioctl", kernel.ioctl)
    libusb: Any = SimpleNamespace(claim_interface=None, set_interface_altsetting=None, reset_device=None)
    handle = NodeHandle(7)
    return Transport(NodeBackend(libusb, handle), handle, lambda _: None)


def test_a_block_goes_out_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel()
    block = bytes(range(256)) * 16
    assert transport(monkeypatch, kernel).perform(ControlOut(Request.DNLOAD, 300, block, 5.0)) == DONE
    assert kernel.heads == [(7, USBDEVFS_CONTROL, 0x21, 1, 300, 0, 4096, 5000)]
    assert kernel.sent == block


def test_an_answer_is_as_long_as_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(b"\x00\x05\x00\x00\x02\x00")
    reply = transport(monkeypatch, kernel).perform(ControlIn(Request.UPLOAD, 2, 4096, 0.0001))
    assert isinstance(reply, Data)
    assert bytes(reply.payload) == kernel.answer
    assert kernel.heads == [(7, USBDEVFS_CONTROL, 0xA1, 2, 2, 0, 4096, 1)], "no time limit at all would be 0"


@pytest.mark.parametrize(
    ("number", "reply"),
    [
        (errno.EPIPE, STALLED),
        (errno.ETIMEDOUT, TIMED_OUT),
        (errno.ENODEV, GONE),
        (errno.ESHUTDOWN, GONE),
        (errno.EPROTO, Broken(errno.EPROTO)),
        (errno.EOVERFLOW, Broken(errno.EOVERFLOW)),
        (errno.ENOMEM, Broken(errno.ENOMEM)),
    ],
)
def test_what_the_kernel_refuses_is_a_reply(monkeypatch: pytest.MonkeyPatch, number: int, reply: object) -> None:
    opened = transport(monkeypatch, Kernel(error=number))
    assert opened.perform(ControlOut(Request.DNLOAD, 0, b"x", 1.0)) == reply
    assert opened.perform(ControlIn(Request.GETSTATUS, 0, 6, 1.0)) == reply


def test_a_block_of_which_less_was_taken_did_not_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = transport(monkeypatch, Kernel(takes=1000))
    assert opened.perform(ControlOut(Request.DNLOAD, 0, bytes(4096), 1.0)) == Broken(errno.EIO)
