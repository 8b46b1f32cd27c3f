"""The application's protocol byte by byte, on a clock that moves when told, against openmv-python's checksums."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openmv.crc import crc16, crc32

from station.sim.application_spec import ApplicationSpec, KnownScript
from station.sim.chip import Phase
from station.sim.faults import Fault
from station.sim.omv_framing import build, check_16, check_32
from station.sim.spec import CameraSpec
from tests.releases import make_demo_release
from tests.unit.sim.driver import Driver, bootable, driver

SYNC, GET_CAPS, SET_CAPS, VERSION, BOOT, INFO = 0x00, 0x01, 0x02, 0x04, 0x11, 0x12
LIST, LOCK, SIZE, READ, WRITE, IOCTL = 0x20, 0x22, 0x25, 0x26, 0x27, 0x28
ACK, NAK, REPEATED, ACK_WANTED, FRAGMENT, EVENT = 1, 2, 4, 8, 16, 32
STDIN, STDOUT, STREAM = 1, 2, 3
STOP, EXEC = struct.pack("<I", 1), struct.pack("<I", 2)


@dataclass
class Host:
    """One end of the serial port of a camera that runs its application."""

    camera: Driver
    sequence: int = 0
    heard: list[tuple[int, int, int, int, bytes]] = field(default_factory=list)

    def open(self, rate: int = 921600) -> None:
        self.camera.configure()
        self.camera.served(0x21, 0x20, length=7, data=struct.pack("<IBBB", rate, 0, 0, 8))
        self.camera.served(0x21, 0x22, value=1)

    def send(self, data: bytes) -> bytes:
        """Bytes in, and all bytes out."""
        self.camera.camera.take_serial(data)
        return self.come()

    def come(self) -> bytes:
        self.camera.camera.advance()
        composite = self.camera.camera.composite
        return b"" if composite is None else composite.give(2, 1 << 16) or b""

    def packets(self, data: bytes) -> list[tuple[int, int, int, int, bytes]]:
        """(sequence, channel, flags, opcode, payload) of each packet; every checksum is checked."""
        found = []
        while data:
            sync, sequence, channel, flags, opcode, length, check = struct.unpack("<HBBBBHH", data[:10])
            assert (sync, check) == (0xD5AA, crc16(data[:8]))
            payload, data = data[10 : 10 + length], data[10 + length :]
            if length:
                assert struct.unpack("<I", data[:4])[0] == crc32(payload)
                data = data[4:]
            found.append((sequence, channel, flags, opcode, payload))
        return found

    def ask(self, opcode: int, channel: int = 0, payload: bytes = b"") -> tuple[int, bytes]:
        """One request with its answer: its flags and all of its payload. What asks for an ACK gets it."""
        heard = self.packets(self.send(build(self.sequence, channel, 0, opcode, payload)))
        answer = b""
        while True:
            assert heard, "no answer"
            sequence, answered, flags, code, piece = heard.pop(0)
            self.heard.append((sequence, answered, flags, code, piece))
            if flags & EVENT:
                continue
            assert (sequence, answered, code) == (self.sequence, channel, opcode)
            answer += piece
            self.sequence += 1
            if flags & ACK_WANTED:
                heard += self.packets(self.send(build(sequence, channel, ACK, opcode)))
            if not flags & FRAGMENT:
                self.heard += heard
                return flags, answer

    def synchronize(self) -> None:
        self.sequence = 0
        assert self.ask(SYNC) == (ACK, b"")
        self.sequence = 0

    def events(self) -> list[tuple[int, int | None]]:
        """Channel and number of what was heard between the answers."""
        self.heard += self.packets(self.come())
        said = [packet for packet in self.heard if packet[2] & EVENT]
        return [(packet[1], struct.unpack("<H", packet[4])[0] if packet[4] else None) for packet in said]


Start = Callable[..., Host]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    def started(application: ApplicationSpec | None = None, *, rate: int = 921600, **changes: Any) -> Host:
        changes.setdefault("contents", bootable(tmp_path))
        camera = driver(application=application or ApplicationSpec(), **changes)
        camera.pass_time(3)
        assert camera.camera.phase is Phase.APPLICATION
        host = Host(camera)
        host.open(rate)
        if rate == 921600 and camera.camera.spec.application.answers == "all":
            host.synchronize()
        return host

    return started


@given(st.binary(max_size=300))
def test_the_checksums_are_those_of_openmvs_client(data: bytes) -> None:
    assert (check_16(data), check_32(data)) == (crc16(data), crc32(data))


def test_an_answer_that_is_not_acknowledged_is_repeated_and_then_given_up(start: Start) -> None:
    host = start()
    request = build(0, 0, 0, VERSION)
    (first,) = host.packets(host.send(request))
    assert first[:4] == (0, 0, ACK_WANTED, VERSION)
    for wait_s in (0.5, 1.0, 2.0):
        host.camera.pass_time(wait_s - 0.01)
        assert host.come() == b""
        assert host.send(build(1, 0, 0, INFO)) == b"", "nothing else is done meanwhile"
        host.camera.pass_time(0.01)
        assert host.packets(host.come()) == [(0, 0, ACK_WANTED | REPEATED, VERSION, first[4])]
    host.camera.pass_time(4.0)
    assert host.come() == b""
    host.sequence = 0
    assert host.ask(INFO)[0] == ACK_WANTED, "it begins anew"


def test_a_nak_has_it_sent_again_at_once(start: Start) -> None:
    host = start()
    (first,) = host.packets(host.send(build(0, 0, 0, VERSION)))
    (again,) = host.packets(host.send(build(0, 0, NAK, VERSION)))
    assert again == (0, 0, ACK_WANTED | REPEATED, VERSION, first[4])
    assert host.send(build(0, 0, ACK, VERSION)) == b""


def test_a_sync_is_heard_whatever_it_waits_for(start: Start) -> None:
    host = start()
    host.send(build(0, 0, 0, VERSION))
    host.synchronize()
    incomplete = build(0, 0, 0, SET_CAPS, bytes(16))[:14]
    assert host.send(incomplete) == b""
    host.synchronize()


@pytest.mark.parametrize(
    ("packet", "status"),
    [
        (build(7, 0, 0, VERSION), 6),
        (build(0, 0, 0, SET_CAPS, bytes(16)), 2),
        (build(0, 0, 0, SET_CAPS, struct.pack("<IH10x", 15, 49)), 2),
        (build(0, 0, 0, SET_CAPS, struct.pack("<IH10x", 15, 8179)), 2),
        (build(0, 0, 0, WRITE, bytes(9000)), 7),
        (build(0, 0, 0, SET_CAPS, bytes(16))[:-1] + b"?", 5),
        (build(0, 0, 0, 0x2F), 2),
        (build(0, STDIN, 0, VERSION), 2),
        (build(0, STDIN, 0, IOCTL, EXEC), 1),
        (build(0, STDIN, 0, IOCTL, b"\x09\0\0\0"), 2),
        (build(0, STDOUT, 0, READ, struct.pack("<II", 0, 0)), 2),
        (build(0, STDOUT, 0, READ, struct.pack("<II", 0, 10)), 1),
        (build(0, STDIN, 0, SIZE), 2),
        (build(0, STDIN, 0, LOCK), 4),
    ],
)
def test_what_is_wrong_is_refused_with_the_sources_status(start: Start, packet: bytes, status: int) -> None:
    host = start()
    answer = host.packets(host.send(packet))[0]
    assert (answer[2], answer[4]) == (NAK, struct.pack("<H", status))


def test_capabilities_are_kept_until_the_next_sync(start: Start) -> None:
    host = start()
    assert host.ask(GET_CAPS)[1] == struct.pack("<IH10x", 15, 8178)
    assert host.ask(SET_CAPS, payload=struct.pack("<IH10x", 0b0001, 50)) == (ACK, b"")
    flags, answer = host.ask(INFO)
    assert (flags, len(answer)) == (0, 76), "no ACKs any more, and two fragments"
    host.synchronize()
    assert host.ask(INFO)[0] == ACK_WANTED


def write_script(host: Host, text: str) -> None:
    data = text.encode()
    assert host.ask(WRITE, STDIN, struct.pack("<II", 0, len(data)) + data)[0] == ACK


def run(host: Host, text: str) -> None:
    write_script(host, text)
    assert host.ask(IOCTL, STDIN, EXEC) == (ACK, b"")


def output(host: Host) -> bytes:
    size = struct.unpack("<I", host.ask(SIZE, STDOUT)[1])[0]
    return host.ask(READ, STDOUT, struct.pack("<II", 0, size))[1] if size else b""


def test_a_script_ends_with_a_soft_reset_that_keeps_its_output(start: Start) -> None:
    host = start(ApplicationSpec(label="OpenMV x; MicroPython y"))
    run(host, "print('<mark>')\nimport sys\nprint(sys.version)\nprint('</mark>')\n")
    assert host.events() == [(STDIN, 1), (STDIN, 0), (0, 2)]
    host.sequence = 0
    assert output(host) == b"<mark>\r\n3.4.0; OpenMV x; MicroPython y\r\n</mark>\r\nMPY: soft reboot\r\n"
    assert output(host) == b""


def test_output_is_announced_every_50_ms_until_it_is_read(start: Start) -> None:
    host = start(ApplicationSpec(scripts=(KnownScript("slow", "a\n", seconds=60),)))
    run(host, "slow()")
    for _ in range(3):
        host.heard.clear()
        host.camera.pass_time(0.05)
        assert host.events() == [(STDOUT, None)]
    assert output(host) == b"a\r\n"
    host.heard.clear()
    host.camera.pass_time(0.5)
    assert host.events() == []


def test_a_script_that_raises_prints_no_last_mark(start: Start) -> None:
    host = start(ApplicationSpec(he_answers=False))
    run(host, "print('<m>')\nimport openamp\nopenamp.RemoteProc(0x80320000).start()\nprint('</m>')")
    host.events()
    host.sequence = 0
    text = output(host)
    assert text.startswith(b"<m>\r\nTraceback")
    assert b"OSError: [Errno 110] ETIMEDOUT\r\nMPY" in text
    assert b"</m>" not in text


def test_starting_while_a_script_runs_loses_the_new_one(start: Start) -> None:
    host = start(ApplicationSpec(scripts=(KnownScript("slow", seconds=60), KnownScript("other", "lost\n"))))
    run(host, "slow()")
    host.heard.clear()
    run(host, "other()")
    assert host.events() == [(STDIN, 0), (0, 2)]
    host.sequence = 0
    assert b"lost" not in output(host)


def test_main_is_interrupted_and_the_script_runs(start: Start) -> None:
    host = start(ApplicationSpec(main_runs=True, label="OpenMV x; MicroPython y"))
    assert struct.unpack("<I", host.ask(0x21)[1])[0] == 1 << STDIN
    run(host, "import sys; print(sys.version)")
    assert host.events() == [(STDIN, 0), (STDIN, 1), (STDIN, 0), (0, 2)]
    host.sequence = 0
    assert b"3.4.0; OpenMV x; MicroPython y\r\n" in output(host)


def test_more_output_than_the_ring_holds_throws_the_older_away(start: Start) -> None:
    host = start(ApplicationSpec(scripts=(KnownScript("long", "a" * 1500 + "\n" + "b" * 2045 + "\n", seconds=9),)))
    run(host, "long()")
    assert output(host) == b"b" * 2045 + b"\r\n"


def test_label_and_files_are_read_from_the_memory(start: Start, tmp_path: Path) -> None:
    make_demo_release(
        tmp_path / "v9", version="v9.9", hp_bytes=4096, he_bytes=4096, romfs0_bytes=9000, romfs1_bytes=4096
    )
    host = start(contents=(), release=str(tmp_path / "v9"))
    run(host, "import sys; print(sys.version)")
    host.events()
    host.sequence = 0
    assert output(host).startswith(b"3.4.0; OpenMV v9.9; MicroPython v9.9\r\n")
    run(host, "import os; print(list(os.ilistdir('/rom')))")
    host.events()
    host.sequence = 0
    listed = output(host).splitlines()[0].decode()
    assert listed.startswith(
        "[('version.txt', 32768, 0, 30), ('labels.txt', 32768, 0, 17), ('model.tflite', 32768, 0, "
    )


def test_files_may_be_given(start: Start) -> None:
    host = start(ApplicationSpec(rom_files={"a.tflite": 7}))
    run(host, "import os; print(os.listdir('/rom'))")
    host.events()
    host.sequence = 0
    assert output(host).startswith(b"['a.tflite']\r\n")


def test_dropping_dtr_ends_the_protocol(start: Start) -> None:
    host = start()
    host.camera.served(0x21, 0x22, value=0)
    assert bytes((1, 0, 2, 1, 0, 3)) not in host.send(build(0, 0, 0, VERSION)), "the REPL's echo, but no versions"
    host.open()
    host.synchronize()


@pytest.mark.parametrize("rate", [1200, 9600, 115200])
def test_at_any_other_rate_it_is_the_repl(start: Start, rate: int) -> None:
    host = start(ApplicationSpec(label="OpenMV x; MicroPython y"), rate=rate)
    assert host.send(build(0, 0, 0, SYNC)).count(b"\xaa\xd5") <= 1, "echoed at most, never answered"
    host.send(b"\r\x03\x03")
    assert host.send(b"\x01").endswith(b"raw REPL; CTRL-B to exit\r\n>")
    assert host.send(b"import sys\nprint(sys.version)\x04") == b"OK3.4.0; OpenMV x; MicroPython y\r\n\x04\x04>"
    assert host.send(b"nothing()\x04").startswith(b"OK\x04Traceback")
    assert host.send(b"\x05A\x01") == b"R\x00"
    assert host.send(b"\x02").endswith(b">>> ")


@pytest.mark.parametrize(("script", "forced"), [("machine.bootloader()", True), ("machine.reset()", False)])
def test_the_repl_sends_it_away(start: Start, script: str, forced: bool) -> None:
    host = start(rate=115200)
    host.send(b"\x03\x01")
    assert host.send(f"import machine; {script}".encode() + b"\x04") == b"OK"
    assert host.camera.camera.connection is None
    host.camera.pass_time(0.01)
    assert host.camera.camera.phase is Phase.BOOTLOADER
    assert host.camera.camera.sessions[-1].forced is forced


def test_a_script_in_the_repl_takes_its_time_and_can_be_interrupted(start: Start) -> None:
    host = start(ApplicationSpec(scripts=(KnownScript("slow", "a\n", seconds=5),)), rate=115200)
    host.send(b"\x01")
    assert host.send(b"slow()\x04") == b"OKa\r\n"
    host.camera.pass_time(5)
    assert host.come() == b"\x04\x04>"
    host.send(b"slow()\x04")
    assert host.send(b"\x03").endswith(b"KeyboardInterrupt: \r\n\x04>")


@pytest.mark.parametrize("rate", [115200, 921600])
@pytest.mark.parametrize("answers", ["none", "protocol", "repl", "all"])
def test_who_answers_at_which_rate(start: Start, answers: str, rate: int) -> None:
    host = start(ApplicationSpec(answers=answers), rate=rate)
    host.send(b"\x03\x01" if rate == 115200 else b"")
    heard = host.send(build(0, 0, 0, SYNC) if rate == 921600 else b"\x04")
    assert bool(heard) == (answers == "all" or answers == {115200: "repl", 921600: "protocol"}[rate])


def test_a_watchdog_lets_it_appear_and_not_stay(start: Start) -> None:
    host = start(ApplicationSpec(watchdog_s=30.0))
    camera = host.camera
    camera.pass_time(30.0)
    camera.pass_time(0.01)
    assert camera.camera.phase is Phase.BOOTLOADER
    camera.configure()
    camera.pass_time(1.5)
    camera.pass_time(0.5)
    assert camera.camera.phase is Phase.APPLICATION
    camera.pass_time(29.0)
    assert camera.camera.phase is Phase.APPLICATION
    camera.pass_time(1.0)
    assert camera.camera.connection is None


def add(host: Host, **fault: Any) -> None:
    host.camera.camera.add_fault(Fault.from_json(fault))


def test_faults_of_requests(start: Start) -> None:
    host = start()
    add(host, do="nak", status=4, at={"request": "PROTO_VERSION"})
    assert host.ask(VERSION) == (NAK, b"\x04\0")
    add(host, do="answer", data="0102", at={"request": "SYS_INFO"})
    assert host.ask(INFO)[1] == b"\x01\x02"
    add(host, do="no_answer", at={"request": "SYS_INFO"})
    assert host.send(build(host.sequence, 0, 0, INFO)) == b""
    add(host, do="silence", seconds=2.0, at={"request": "SYS_INFO"})
    host.send(build(host.sequence, 0, 0, INFO))
    assert host.send(build(host.sequence, 0, 0, VERSION)) == b""
    host.camera.pass_time(2.0)
    assert host.packets(host.come())[0][3] == VERSION, "what was sent meanwhile is served then"


def test_a_fault_may_mute_it_or_cut_its_power(start: Start) -> None:
    host = start()
    add(host, do="silence", at={"request": "SYS_INFO"})
    host.send(build(0, 0, 0, INFO))
    host.camera.pass_time(1000)
    assert host.send(build(0, 0, 0, SYNC)) == b""
    host = start()
    add(host, do="vanish_and_return", after_s=1.0, at={"request": "SCRIPT"})
    run_ = build(1, STDIN, 0, IOCTL, EXEC)
    write_script(host, "import sys; print(sys.version)")
    host.send(run_)
    assert host.camera.camera.phase is Phase.OFF
    host.camera.pass_time(1.0)
    assert host.camera.camera.phase is Phase.BOOTLOADER


def test_sys_boot_is_a_power_up_without_the_window(start: Start) -> None:
    host = start()
    host.send(build(0, 0, 0, BOOT))
    host.camera.pass_time(0.01)
    host.camera.configure()
    host.camera.pass_time(100)
    assert host.camera.camera.phase is Phase.BOOTLOADER


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=60) | st.sampled_from([build(0, 0, 0, SYNC), build(0, 0, 0, INFO)]), max_size=12))
def test_any_bytes_are_survived(pieces: list[bytes]) -> None:
    """And a PROTO_SYNC behind them is answered."""
    camera = driver(crash="dead", boot_s=0.0)
    camera.camera._start_application(camera.clock())
    host = Host(camera)
    host.open()
    for piece in pieces:
        host.send(piece)
    camera.pass_time(20)
    host.come()
    assert host.packets(host.send(build(0, 0, 0, SYNC)))[-1][2:4] == (ACK, SYNC)


def test_the_spec_survives_json() -> None:
    application = ApplicationSpec(
        "protocol", "4.8.1", 0, "x", {"a": 1}, False, True, 1.5, (KnownScript("a", "b", "OSError: c", 0.5),)
    )
    spec = CameraSpec("A" * 24, "1-1", application=application)
    assert CameraSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    "raw",
    [
        {"colour": 1},
        {"answers": "some"},
        {"firmware": "5"},
        {"sensor_id": -1},
        {"he_answers": 1},
        {"rom_files": ["a"]},
        {"watchdog_s": "soon"},
        {"scripts": [{"output": "a"}]},
        {"scripts": [{"match": "a", "colour": 1}]},
        [],
    ],
)
def test_a_wrong_application_is_refused_with_what_is_allowed(raw: Any) -> None:
    with pytest.raises(Exception, match="allowed:"):
        CameraSpec.from_json({"serial": "A", "port_path": "1-1", "application": raw})
