from __future__ import annotations

import struct
import time
from pathlib import Path

import pytest

from station.dfu.dfu_protocol import REQUEST_TYPE_IN, REQUEST_TYPE_OUT, Request, State
from tests.unit.sim.conftest import Served
from tests.unit.sim.driver import HP, RWFS, SERIAL
from tests.unit.sim.usbip_client import Client

BLOCK = bytes(range(256)) * 16
RELOADED_SERIAL = "0208610506000000"


def status(host: Client) -> int:
    """bState of a GETSTATUS."""
    return host.control(REQUEST_TYPE_IN, Request.GETSTATUS, 0, 6)[4]


def upload(host: Client, block: int = 1, length: int = 4096) -> bytes:
    return host.control(REQUEST_TYPE_IN, Request.UPLOAD, block, length)


def write(host: Client, block: int, data: bytes) -> int:
    host.control(REQUEST_TYPE_OUT, Request.DNLOAD, block, len(data), data)
    assert status(host) == State.DFU_DNBUSY
    return status(host)


def test_a_plugged_camera_is_announced_listed_and_can_be_opened(served: Served) -> None:
    served.add()
    device = served.arrival()
    assert device == {
        "port_path": "1-1.1",
        "bus": 1,
        "address": device["address"],
        "vendor_id": 0x37C5,
        "product_id": 0x96E3,
        "serial": SERIAL,
        "bcd_device": 0x0103,
    }
    assert served.host().listed() == [("1-1.1", 1, device["address"], 0x96E3)]
    host = served.opened()
    assert upload(host, 1, 4) == b"\xad\x10\x07\xb0"


def test_an_unknown_port_is_refused(served: Served) -> None:
    served.add()
    served.arrival()
    for busid in ("1-9", "", "x" * 31):
        assert served.host().imports(busid) is False


def test_a_whole_image_goes_there_and_back(served: Served) -> None:
    served.add()
    served.arrival()
    host = served.opened()
    upload(host)
    host.control(0x01, 0x0B, HP)
    for block in range(20):
        assert write(host, block, bytes((block,)) * 4096) == State.DFU_DNLOAD_IDLE
    for block in range(20):
        assert upload(host, block) == bytes((block,)) * 4096


def test_stalls_and_broken_links_are_told_and_the_connection_lives_on(served: Served) -> None:
    served.add(faults=[{"do": "eio", "at": {"request": "GETSTATE"}}])
    served.arrival()
    host = served.opened()
    assert host.try_control(REQUEST_TYPE_IN, 7, 0, 1) == (-32, b"")
    assert host.try_control(REQUEST_TYPE_IN, Request.GETSTATE, 0, 1) == (-71, b"")
    assert host.try_control(REQUEST_TYPE_IN, Request.GETSTATE, 0, 1) == (0, bytes((State.DFU_IDLE,)))


def test_the_bootloader_has_no_other_endpoints(served: Served) -> None:
    served.add()
    served.arrival()
    host = served.opened()
    host.submit(0x80, 0, 0, 64, endpoint=1)
    assert host.answer()[2] == -32


def opened_application(served: Served) -> Client:
    served.add()
    served.arrival(0x16E3)
    return served.opened()


def test_transfers_for_which_there_is_nothing_wait_and_can_be_given_up(served: Served) -> None:
    host = opened_application(served)
    notification = host.submit(0x80, 0, 0, 64, endpoint=1)
    serial = host.submit(0x80, 0, 0, 512, endpoint=2)
    host.control(0x80, 6, 0x0100, 18)  # the control endpoint goes on
    unlink = host.unlink(serial)
    assert host.answer() == (4, unlink, -104, b"")
    unlink = host.unlink(notification)
    assert host.answer() == (4, unlink, -104, b"")
    assert host.try_control(0x00, 9, 1) == (0, b"")


def test_the_applications_disk_answers(served: Served) -> None:
    host = opened_application(served)
    inward = host.submit(0x80, 0, 0, 36, endpoint=3)
    inquiry = struct.pack("<4sIIBBB", b"USBC", 7, 36, 0x80, 0, 6) + bytes((0x12, 0, 0, 0, 36)).ljust(16, b"\0")
    outward = host.submit(0, 0, 0, 31, inquiry, endpoint=3)
    assert host.answer()[:3] == (3, outward, 0)
    command, seqnum, status, data = host.answer()
    assert (command, seqnum, status) == (3, inward, 0)
    assert data[8:16] == b"OpenMV  "
    host.submit(0x80, 0, 0, 13, endpoint=3)
    assert host.answer()[3] == struct.pack("<4sIIB", b"USBS", 7, 0, 0)


def test_a_pulled_application_ends_what_waits(served: Served) -> None:
    host = opened_application(served)
    host.submit(0x80, 0, 0, 512, endpoint=2)
    served.control.ask("unplug", port_path="1-1.1")
    with pytest.raises(ConnectionError):
        host.take(1)


def test_closing_and_opening_again_changes_nothing_at_the_camera(served: Served) -> None:
    served.add()
    served.arrival()
    host = served.opened()
    upload(host)
    host.control(0x01, 0x0B, RWFS)
    host.control(REQUEST_TYPE_OUT, Request.DNLOAD, 0, 4096, BLOCK)
    host.close()
    again = served.opened()
    assert again.control(0x81, 0x0A, 0, 1) == bytes((RWFS,))
    assert again.control(REQUEST_TYPE_IN, Request.GETSTATE, 0, 1) == bytes((State.DFU_DNLOAD_SYNC,))


def test_two_may_have_it_open_at_once(served: Served) -> None:
    served.add()
    served.arrival()
    first, second = served.opened(), served.opened()
    upload(first)
    assert status(second) == State.DFU_IDLE


def test_after_detach_the_connection_ends_and_the_application_comes_up_there(served: Served) -> None:
    served.add()
    bootloader = served.arrival()
    host = served.opened()
    upload(host)
    host.control(REQUEST_TYPE_OUT, Request.DETACH, 1000)
    with pytest.raises(ConnectionError):
        host.take(1)
    served.departure()
    application = served.arrival(0x16E3)
    assert application["port_path"] == "1-1.1"
    assert application["serial"] == RELOADED_SERIAL
    assert application["address"] > bootloader["address"]
    assert served.opened().control(0x80, 6, 0x0100, 18)[10:12] == b"\xe3\x16"


def test_a_pulled_camera_ends_its_connections_at_once(served: Served) -> None:
    served.add()
    served.arrival()
    host = served.opened()
    upload(host)
    served.control.ask("unplug", port_path="1-1.1")
    with pytest.raises(ConnectionError):
        host.take(1)
    served.departure()
    assert served.host().listed() == []
    assert served.host().imports("1-1.1") is False


def test_a_camera_pulled_while_it_is_silent_ends_the_connection_too(served: Served) -> None:
    served.add(faults=[{"do": "silence", "at": {"request": "GETSTATE"}}])
    served.arrival()
    host = served.opened()
    upload(host)
    host.submit(REQUEST_TYPE_IN, Request.GETSTATE, 0, 1)
    served.control.ask("unplug", port_path="1-1.1")
    with pytest.raises(ConnectionError):
        host.take(1)


def test_a_fault_that_cuts_the_power_ends_the_connection(served: Served) -> None:
    served.add(faults=[{"do": "vanish_and_return", "after_s": 0.05, "at": {"request": "DNLOAD", "block": 3}}])
    served.arrival()
    host = served.opened()
    upload(host)
    host.submit(REQUEST_TYPE_OUT, Request.DNLOAD, 3, 4096, BLOCK)
    with pytest.raises(ConnectionError):
        host.take(1)
    served.departure()
    assert served.arrival()["serial"] == SERIAL


def test_a_silent_transfer_can_be_given_up_and_another_one_is_served(served: Served) -> None:
    served.add(faults=[{"do": "no_answer", "at": {"request": "GETSTATE"}}])
    served.arrival()
    host = served.opened()
    upload(host)
    victim = host.submit(REQUEST_TYPE_IN, Request.GETSTATE, 0, 1)
    unlink = host.unlink(victim)
    assert host.answer() == (4, unlink, -104, b"")
    assert status(host) == State.DFU_IDLE


def test_a_busy_camera_handles_unlink_while_it_writes(served: Served) -> None:
    served.add(faults=[{"do": "silence", "seconds": 1.0, "at": {"request": "WRITE"}}], trace=True)
    served.arrival()
    host = served.opened()
    host.control(0x01, 0x0B, RWFS)
    host.control(REQUEST_TYPE_OUT, Request.DNLOAD, 0, 4096, BLOCK)
    assert status(host) == State.DFU_DNBUSY
    began_s = time.monotonic()
    victim = host.submit(REQUEST_TYPE_IN, Request.GETSTATUS, 0, 6)
    unlink = host.unlink(victim)
    assert host.answer() == (4, unlink, -104, b"")
    assert time.monotonic() - began_s < 0.9, "not only after the write"
    assert status(host) == State.DFU_DNLOAD_IDLE, "another GETSTATUS waits for the write"
    assert time.monotonic() - began_s >= 0.9


def test_what_waits_behind_a_silent_transfer_can_be_given_up_too(served: Served) -> None:
    served.add(faults=[{"do": "no_answer", "at": {"request": "GETSTATE"}}])
    served.arrival()
    host = served.opened()
    upload(host)
    silent = host.submit(REQUEST_TYPE_IN, Request.GETSTATE, 0, 1)
    behind = host.submit(REQUEST_TYPE_IN, Request.GETSTATUS, 0, 6)
    kept = host.submit(REQUEST_TYPE_IN, Request.GETSTATE, 0, 1)
    unlink_behind = host.unlink(behind)
    assert host.answer() == (4, unlink_behind, -104, b"")
    unlink_silent = host.unlink(silent)
    assert host.answer() == (4, unlink_silent, -104, b"")
    assert host.answer() == (3, kept, 0, bytes((State.DFU_IDLE,)))


def test_an_answered_transfer_cannot_be_given_up(served: Served) -> None:
    served.add()
    served.arrival()
    host = served.opened()
    done = host.submit(REQUEST_TYPE_IN, Request.GETSTATE, 0, 1)
    host.answer()
    unlink = host.unlink(done)
    assert host.answer() == (4, unlink, 0, b"")


def test_several_transfers_may_be_sent_at_once(served: Served) -> None:
    served.add()
    served.arrival()
    host = served.opened()
    upload(host)
    sent = [host.submit(REQUEST_TYPE_IN, Request.GETSTATE, 0, 1) for _ in range(50)]
    assert [host.answer()[1] for _ in sent] == sent


def test_an_uploads_answer_is_not_early(served: Served) -> None:
    served.add(profile="nor", scale=10)
    served.arrival()
    host = served.opened()
    host.control(0x01, 0x0B, RWFS)
    began_s = time.monotonic()
    upload(host, 0)
    assert time.monotonic() - began_s >= 0.0245


def test_a_bus_reset_over_usbip_makes_the_bootloader_leave(served: Served) -> None:
    served.add()
    served.arrival()
    host = served.opened()
    upload(host)
    host.control(0x23, 3, 4)
    served.departure()
    served.arrival(0x16E3)


def test_a_bus_reset_is_served_even_to_a_silent_camera(served: Served) -> None:
    served.add(faults=[{"do": "ep0_dead", "at": {"request": "GETSTATE"}}])
    served.arrival()
    host = served.opened()
    upload(host)
    host.submit(REQUEST_TYPE_IN, Request.GETSTATE, 0, 1)
    reset = host.submit(0x23, 3, 4, 0)
    assert host.answer()[:3] == (3, reset, 0)
    served.departure()


def test_after_a_bus_reset_an_application_is_configured_again_and_stays(served: Served) -> None:
    served.add()
    application = served.arrival(0x16E3)
    host = served.opened()
    host.control(0x23, 3, 4)
    for _ in range(1000):
        if host.control(0x80, 8, 0, 1) == b"\x01":
            break
        time.sleep(0.005)
    else:
        pytest.fail("never configured again")
    assert served.host().listed() == [("1-1.1", 1, application["address"], 0x16E3)]


def test_a_crashed_bootloader_does_not_survive_a_bus_reset(served: Served) -> None:
    served.add()
    served.arrival()
    host = served.opened()
    host.control(0x01, 0x0B, HP)
    host.control(REQUEST_TYPE_OUT, Request.DNLOAD, 1, 4096, BLOCK)
    assert status(host) == State.DFU_DNBUSY
    host.submit(REQUEST_TYPE_IN, Request.GETSTATUS, 0, 6)
    host.submit(0x23, 3, 4, 0)
    served.departure()
    assert served.host().listed() == []


@pytest.mark.parametrize(
    "fault", [{"do": "eio", "at": {"request": "OPEN"}}, {"do": "vanish", "at": {"request": "OPEN"}}]
)
def test_a_device_that_is_there_and_cannot_be_opened(served: Served, fault: dict[str, object]) -> None:
    served.add(faults=[fault])
    served.arrival()
    assert served.host().imports("1-1.1") is False
    if fault["do"] == "vanish":
        served.departure()
    else:
        assert served.host().imports("1-1.1") is True


def test_a_camera_that_is_silent_in_enumeration_is_announced_when_it_has_answered(served: Served) -> None:
    served.add(faults=[{"do": "silence", "seconds": 0.2, "at": {"request": "GET_DESCRIPTOR"}, "skip": 3}])
    began_s = time.monotonic()
    served.arrival()
    assert time.monotonic() - began_s >= 0.19


def test_it_is_served_over_tcp_as_well(tmp_path: Path) -> None:
    bench = Served(tmp_path, tcp=("127.0.0.1", 0))
    try:
        bench.add()
        bench.arrival()
        assert bench.bench.tcp_address is not None
        host = Client(bench.bench.tcp_address)
        assert host.imports("1-1.1")
        assert upload(host, 1, 4) == b"\xad\x10\x07\xb0"
        host.close()
    finally:
        bench.close()


def test_the_window_ends_while_nobody_asks(served: Served) -> None:
    served.add(faults=[{"do": "boot_never"}])
    served.arrival()
    began_s = time.monotonic()
    served.departure()
    assert 1.4 < time.monotonic() - began_s < 8
