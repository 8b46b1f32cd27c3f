"""`station slots learn` as it is used: a process that watches, and cameras plugged into one port after another."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from station.sim.spec import CameraSpec
from station.sim.virtual_line import VirtualLine
from tests.harness import PROGRAM, wait_for
from tests.releases import make_demo_release
from tests.unit.cli.conftest import Station

PORTS = ("1-1.3", "1-1.1", "1-1.2")


@pytest.fixture
def line(tmp_path: Path) -> Iterator[VirtualLine]:
    """A camera for each port, none of them plugged in; all have an application to go on to."""
    release = tmp_path / "release"
    make_demo_release(release, hp_bytes=4096, he_bytes=4096, romfs0_bytes=4096, romfs1_bytes=4096)
    specs = [
        CameraSpec(serial=f"3A0F5C77B1D2E496001122{i:02X}", port_path=port, plugged=False, release=str(release))
        for i, port in enumerate(PORTS)
    ]
    with VirtualLine(specs, shards=1) as served:
        yield served


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "station.toml"
    file.write_text("# the bench by the window\n[run]\nverify = true # always\n")
    return file


class Learning:
    """A running `station slots learn`."""

    def __init__(self, process: subprocess.Popen[bytes], talk: Path, out: Path) -> None:
        self.process = process
        self._talk = talk
        self._out = out

    def wait_for(self, words: str) -> None:
        """Wait until it has said this."""
        wait_for(lambda: words in self._talk.read_text() or self.process.poll() is not None, words)
        assert words in self._talk.read_text()

    @property
    def printed(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._out.read_text().splitlines()]


@contextmanager
def learning(line: VirtualLine, config: Path, *words: str, stdin: int = subprocess.DEVNULL) -> Iterator[Learning]:
    """The command in a process of its own, from when it listens."""
    sims = [word for folder in line.addresses for word in ("--sim", str(folder))]
    talk, out = config.with_name("talk"), config.with_name("out")
    with talk.open("wb") as stderr, out.open("wb") as stdout:
        command = [*PROGRAM, "slots", "learn", *sims, "--config", str(config), *words]
        process = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stderr)
    try:
        running = Learning(process, talk, out)
        running.wait_for("plug a camera")
        yield running
    finally:
        process.kill()
        process.wait()


def slots_in(config: Path) -> Any:
    return tomllib.loads(config.read_text()).get("slots")


def plug(line: VirtualLine, port_path: str) -> None:
    line.plug(port_path)


def test_slots_are_named_in_the_order_of_plugging(line: VirtualLine, config: Path) -> None:
    with learning(line, config, "--json", "--count", "3") as running:
        for number, port_path in enumerate(PORTS, start=1):
            plug(line, port_path)
            running.wait_for(f"A{number} is {port_path}")
        assert running.process.wait(120) == 0
    assert slots_in(config) == {"A1": "1-1.3", "A2": "1-1.1", "A3": "1-1.2"}
    assert [(row["slot"], row["port_path"], row["serial"][-2:]) for row in running.printed] == [
        ("A1", "1-1.3", "00"),
        ("A2", "1-1.1", "01"),
        ("A3", "1-1.2", "02"),
    ]
    assert config.read_text().startswith("# the bench by the window\n[run]\nverify = true # always\n")


def test_what_was_learned_before_ctrl_c_stays(line: VirtualLine, config: Path) -> None:
    with learning(line, config) as running:
        plug(line, PORTS[0])
        running.wait_for("A1 is")
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(120) == 130
    assert slots_in(config) == {"A1": PORTS[0]}


def test_a_camera_that_was_there_or_goes_on_to_its_application_names_nothing(line: VirtualLine, config: Path) -> None:
    plug(line, PORTS[1])
    line.wait_until(PORTS[1], lambda state: state["configured"])
    with learning(line, config, "--count", "2") as running:
        line.wait_until(PORTS[1], lambda state: state["phase"] == "application" and state["configured"])
        plug(line, PORTS[0])
        running.wait_for(f"A1 is {PORTS[0]}")
        for do in ("unplug", "plug"):  # the same port once more
            getattr(line, do)(PORTS[0])
        running.wait_for(f"{PORTS[0]} is A1 already")
        for do in ("unplug", "plug"):
            getattr(line, do)(PORTS[1])
        assert running.process.wait(120) == 0
    assert slots_in(config) == {"A1": PORTS[0], "A2": PORTS[1]}


def test_names_that_are_given_and_slots_that_are_there(line: VirtualLine, config: Path) -> None:
    config.write_text(config.read_text() + f'[slots]\nrear = "{PORTS[2]}" # by the wall\n')
    with learning(line, config, "left", "right") as running:
        for port_path in (PORTS[2], PORTS[1], PORTS[0]):
            plug(line, port_path)
            running.wait_for(f"{port_path}")
        assert running.process.wait(120) == 0
    assert slots_in(config) == {"rear": PORTS[2], "left": PORTS[1], "right": PORTS[0]}
    assert "# by the wall" in config.read_text()


def test_on_a_terminal_each_name_is_asked_for(line: VirtualLine, config: Path) -> None:
    terminal, stdin = pty.openpty()
    try:
        with learning(line, config, "--count", "2", "--replace", stdin=stdin) as running:
            plug(line, PORTS[0])
            running.wait_for(f"name of the slot at {PORTS[0]} [A1]: ")
            os.write(terminal, b"1-1.4\nrear left\n")
            running.wait_for("must not look like a port path")
            running.wait_for("rear left is")
            plug(line, PORTS[1])
            running.wait_for("[A1]: ")
            os.write(terminal, b"\n")
            assert running.process.wait(120) == 0
    finally:
        os.close(terminal)
        os.close(stdin)
    assert slots_in(config) == {"rear left": PORTS[0], "A1": PORTS[1]}


def test_what_cannot_be_learned_is_refused_at_once(station: Station, config: Path) -> None:
    taken = station("slots", "learn", "A1", "a1", "--config", config)
    assert (taken.exit_code, taken.err.split(":")[0]) == (2, "usage.slot_name")
    config.write_text("[slots]\nA1 = 7\n")
    wrong = station("slots", "learn", "--config", config)
    assert (wrong.exit_code, wrong.err.split(":")[0]) == (2, "settings.invalid")
    assert config.read_text() == "[slots]\nA1 = 7\n"
