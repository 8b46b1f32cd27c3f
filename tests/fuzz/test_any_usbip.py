"""A USB/IP server that answers anything: every call ends, with an OSError at most."""

from __future__ import annotations

import socket
from array import array
from contextlib import suppress
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st

from station.sim import usbip_messages
from station.usb.usbip import usbip_link
from station.usb.usbip.usbip_protocol import DEVICE, HEADER_BYTES, OP_REP_DEVLIST, OP_REP_IMPORT, OPERATION, VERSION
from tests.fuzz.mutations import broken_bytes, fuzzed

entries = st.binary(min_size=DEVICE.size, max_size=DEVICE.size) | broken_bytes(
    (b"/sys/1".ljust(256, b"\0") + b"1-1".ljust(32, b"\0")).ljust(DEVICE.size, b"\0")
)
heads = st.sampled_from([OP_REP_DEVLIST, OP_REP_IMPORT, 0]).map(lambda code: OPERATION.pack(VERSION, code, 0))
answers = st.one_of(
    st.builds(lambda head, count, entry: head + count.to_bytes(4, "big") + entry, heads, st.integers(0, 3), entries),
    st.builds(lambda head, entry: head + entry, heads, entries),
    st.binary(max_size=100),
)


def served(raw: bytes) -> socket.socket:
    """A connection whose other end says this, and closes."""
    ours, theirs = socket.socketpair()
    theirs.sendall(raw)
    theirs.shutdown(socket.SHUT_WR)
    kept.append(theirs)
    return ours


kept: list[socket.socket] = []


@fuzzed
@given(answers)
def test_any_list_and_import(raw: bytes) -> None:
    with mock.patch.object(usbip_link, "connect", return_value=served(raw)), suppress(OSError):
        usbip_link.list_exported("x")
    with mock.patch.object(usbip_link, "connect", return_value=served(raw)), suppress(OSError):
        usbip_link.import_device("x", "1-1")[1].close()
    while kept:
        kept.pop().close()


REPLY = usbip_messages.submitted(1, 0, 8, b"12345678")


@fuzzed
@given(broken_bytes(REPLY) | st.binary(max_size=HEADER_BYTES + 20), st.booleans(), st.integers(0, 16))
def test_any_reply_to_a_transfer(raw: bytes, reading: bool, length: int) -> None:
    link = usbip_link.UsbIpLink(served(raw), 1)
    data = array("B", bytes(length))
    moved = link.control(0xA1 if reading else 0x21, 3, 0, 0, data, 50)
    assert moved <= length
    link.close()
    while kept:
        kept.pop().close()
