"""The serial port of a running camera: the kernel's cdc_acm makes a tty of it, with its two personalities."""

from __future__ import annotations

import os
import select
import termios
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from station.app.omv_protocol import Flag, Opcode
from station.control.client import ask
from station.control.requests import Rerun, TakeSnapshot
from station.sim.application_spec import ApplicationSpec
from station.sim.omv_framing import build, read_header, read_payload
from tests.harness import wait_for
from tests.rig.workbench import SYSFS, Workbench, collect, install_rule

LIMIT_S = 20.0


def serial_ports(bench: Workbench) -> None:
    """One camera, spoken to as a program on the bench would: open, set the rate, write, read."""
    bench.put(bench.camera(0, contents=bench.firmware(), forced=False))
    install_rule(installed=True)
    with bench.case("cdc_acm_makes_a_tty_that_speaks_the_protocol") as facts:
        path = bench.paths[0]
        bench.line.plug(path)
        file = _tty(path)
        with _opened(file, termios.B921600) as descriptor:
            started_s = time.monotonic()
            assert _ask(descriptor, 0, Opcode.PROTO_SYNC)[0] == Flag.ACK
            flags, versions = _ask(descriptor, 0, Opcode.PROTO_VERSION)
            facts["sync_and_version_s"] = time.monotonic() - started_s
            assert flags == Flag.ACK_WANTED
            assert list(versions[3:6]) == [1, 0, 3], "the bootloader's version"
        with _opened(file, termios.B115200) as descriptor:
            os.write(descriptor, b"\r\x03\x03\r\x01")
            assert b"raw REPL; CTRL-B to exit\r\n>" in _read(descriptor, lambda heard: heard.endswith(b"exit\r\n>"))
    with bench.case("sys_boot_over_the_tty_enters_the_bootloader_on_the_same_port"):
        with _opened(file, termios.B921600) as descriptor:
            assert _ask(descriptor, 0, Opcode.PROTO_SYNC)[0] == Flag.ACK
            os.write(descriptor, build(0, 0, 0, Opcode.SYS_BOOT))
            wait_for(lambda: bench.mode(path) == "96e3", "the bootloader", LIMIT_S)
        assert bench.line.state(path)["sessions"][-1]["forced"], "it stays without the 1.5 s limit"
    bench.clear()
    install_rule(installed=False)


def run_again(bench: Workbench) -> None:
    """Key r on eight cameras that run their applications; one more speaks no protocol, only its REPL."""
    numbers = range(9)
    old = ApplicationSpec(answers="repl", firmware="4.7.0")
    cameras = [bench.camera(number, contents=bench.firmware(), forced=False) for number in numbers[:-1]]
    bench.put(*cameras, bench.camera(8, contents=bench.firmware(), forced=False, application=old))
    install_rule(installed=True)
    bench.plug(*numbers)
    paths = [bench.paths[number] for number in numbers]
    for path in paths:
        wait_for(partial(_runs_application, bench, path), f"{path} in its application", LIMIT_S)
    with bench.case("eight_cameras_in_their_applications_run_again_without_a_replug") as facts:
        folder = bench.data_dir()
        with bench.station(data_dir=folder) as running:
            wait_for(lambda: _in_applications(folder) == set(paths), "all are seen", LIMIT_S)
            # The station's own start is no part of what a person waits for.
            wait_for(lambda: running.processes("station-errand"), "the errand process", LIMIT_S)
            asked_s = time.monotonic()
            assert ask(folder, Rerun(tuple(paths)))["ways"]["entering"] == paths
            runs = collect(running, len(paths))
            running.interrupt()
            assert (running.end(), running.rest) == (130, [])
        held_s, parts_s = {}, {}
        for path in paths:
            bench.prove(runs[path][0])
            unheld, application, entered = bench.line.state(path)["sessions"][:3]
            assert (unheld["attached_s"], application["mode"], entered["forced"]) == (None, "application", True)
            held_s[path] = round(entered["attached_s"] - asked_s, 3)
            gone_s, there_s = application["left_s"], entered["configured_s"]
            parts_s[path] = [round(part, 3) for part in (gone_s - asked_s, there_s - gone_s, entered["held_latency_s"])]
        facts["from_key_to_hold_s"] = sorted(held_s[path] for path in paths[:-1])
        facts["asked_then_back_then_held_s"] = sorted(parts_s.values())
        facts["from_key_to_hold_by_its_repl_s"] = held_s[paths[-1]]
    bench.clear()
    install_rule(installed=False)


def _runs_application(bench: Workbench, path: str) -> bool:
    return bench.mode(path) == "16e3"


def _in_applications(folder: Path) -> set[str]:
    """The ports whose cameras the line shows in their applications."""
    slots = ask(folder, TakeSnapshot())["snapshot"]["slots"]
    return {slot["port_path"] for slot in slots if slot["state"] == "application"}


def _tty(path: str) -> Path:
    """The device node of the camera at a port, once udev has made it."""
    wait_for(lambda: list(SYSFS.glob(f"{path}:1.0/tty/tty*")), "a tty", LIMIT_S)
    (name,) = [found.name for found in SYSFS.glob(f"{path}:1.0/tty/tty*")]
    file = Path("/dev") / name
    wait_for(file.exists, f"{file}", LIMIT_S)
    return file


@contextmanager
def _opened(file: Path, speed: int) -> Iterator[int]:
    """Open raw at a rate; opening sets DTR, closing drops it."""
    descriptor = os.open(file, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        tty.setraw(descriptor)
        settings = termios.tcgetattr(descriptor)
        settings[4] = settings[5] = speed
        termios.tcsetattr(descriptor, termios.TCSANOW, settings)
        termios.tcflush(descriptor, termios.TCIOFLUSH)
        yield descriptor
    finally:
        os.close(descriptor)


def _ask(descriptor: int, sequence: int, code: Opcode) -> tuple[int, bytes]:
    """One request: the flags and the payload of its answer."""
    os.write(descriptor, build(sequence, 0, 0, code))
    heard = _read(descriptor, _is_whole)
    header = read_header(heard)
    assert header is not None
    payload = read_payload(heard, header)
    assert header.opcode == code
    assert payload is not None
    return header.flags, payload


def _is_whole(heard: bytes) -> bool:
    header = read_header(heard)
    return header is not None and len(heard) >= header.packet_bytes


def _read(descriptor: int, done: Callable[[bytes], bool]) -> bytes:
    heard, until_s = b"", time.monotonic() + LIMIT_S
    while not done(heard):
        assert select.select([descriptor], [], [], max(0.0, until_s - time.monotonic()))[0], heard
        heard += os.read(descriptor, 4096)
    return heard
