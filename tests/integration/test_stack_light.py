"""The stack light of a line: what burns, that one is found again, and that it is dark where nobody knows."""

from __future__ import annotations

import json
import threading
from functools import partial
from multiprocessing import Pipe
from pathlib import Path

import pytest

from station.control.line_signal import LineWatch, Signal
from station.factory.light_protocols import PROTOCOLS
from station.model.stack_lights import DARK, Lamps
from station.problem import Problem
from station.sim.faults import Fault
from station.wiring.light_process import CommandLamp, SerialLamp, Shown, follow, lamps_of
from tests.harness import station, wait_for
from tests.integration.conftest import MakeBench, camera, serial
from tests.pty_light import GREEN, RED, YELLOW, PtyLight
from tests.unit.factory.test_record_sinks import is_dead

G, Y, R, NONE = (frozenset(lamps) for lamps in ({GREEN}, {YELLOW}, {RED}, set[str]()))


def test_the_bytes_are_those_of_the_makers() -> None:
    assert PROTOCOLS["adafruit5125"](Lamps(green=True)) == bytes([0x28, 0x21, 0x22, 0x14])
    assert PROTOCOLS["adafruit5125"](Lamps(red=True, yellow=True)) == bytes([0x28, 0x11, 0x12, 0x24])
    sl60 = PROTOCOLS["sl60usb2"](Lamps(red=True, green=True))
    assert sl60.hex(" ") == "a0 01 01 a2 a0 02 01 a3 a0 03 00 a3 a0 04 00 a4"


def test_what_is_steady_winks_and_what_presses_blinks() -> None:
    def shows(stands: Signal, wink_s: float = 5.0) -> set[Lamps]:
        return {lamps_of(stands, tick, wink_s) for tick in range(40)}

    for well in (Signal.READY, Signal.RUNNING):
        ticks = [lamps_of(well, tick, 5.0) for tick in range(1, 201)]
        assert ticks.count(Lamps(green=True)) == 190
        assert ticks.count(DARK) == 10
        assert shows(well, 0.0) == {Lamps(green=True)}
    assert shows(Signal.TAKE_OUT) == {Lamps(green=True), DARK}
    assert shows(Signal.ATTENTION) == {Lamps(yellow=True), DARK}
    assert shows(Signal.STOPPED) == {Lamps(red=True)}
    assert shows(Signal.UNKNOWN) == {DARK}


@pytest.mark.parametrize("kind", ["adafruit5125", "sl60usb2"])
def test_a_light_that_is_unplugged_is_said_once_and_found_again(tmp_path: Path, kind: str) -> None:
    light, said = PtyLight(tmp_path / "light", kind), list[Problem]()
    shown = Shown(SerialLamp(kind, str(tmp_path / "light")), 0.0, said.append)
    now_s = 100.0
    shown.tick(Signal.STOPPED, now_s)
    light.wait_for(RED)
    light.unplug()
    for _ in range(40):
        now_s += 0.25
        shown.tick(Signal.STOPPED, now_s)
    assert [problem.code for problem in said] == ["light.gone"]
    light.plug()
    for _ in range(10):
        now_s += 0.25
        shown.tick(Signal.STOPPED, now_s)
    light.wait_for(RED)
    assert [problem.code for problem in said] == ["light.gone", "light.back"]
    shown.end()
    light.wait_for()


def test_a_command_that_hangs_or_fails_is_said_and_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("station.wiring.light_process.COMMAND_S", 0.2)
    command, heard = tmp_path / "light.sh", tmp_path / "heard"
    command.write_text(f'#!/bin/sh\necho "$1" >> {heard}\n[ "$1" = stopped ] && sleep 60\n[ "$1" != attention ]\n')
    command.chmod(0o755)
    said = list[Problem]()
    shown = Shown(CommandLamp(str(command)), 0.0, said.append)
    for now_s, stands in enumerate([Signal.READY, Signal.READY, Signal.STOPPED, Signal.ATTENTION, Signal.RUNNING]):
        shown.tick(stands, float(now_s))
    shown.tick(Signal.RUNNING, 40.0)
    shown.end()
    assert heard.read_text().split() == ["ready", "stopped", "attention", "running", "running", "unknown"]
    assert [problem.code for problem in said] == ["light.command", "light.back"]


def test_where_no_line_answers_the_light_is_dark(tmp_path: Path) -> None:
    light = PtyLight(tmp_path / "light")
    ours, theirs = Pipe()
    lamp = SerialLamp("adafruit5125", str(tmp_path / "light"))
    thread = threading.Thread(target=follow, args=(theirs, LineWatch(tmp_path), Shown(lamp, 5.0, lambda problem: None)))
    thread.start()
    wait_for(lambda: light.bytes_heard > 0, "the first bytes")
    ours.close()
    thread.join(60.0)
    assert not thread.is_alive()
    assert light.history == [NONE]


def test_a_line_shows_on_its_light_how_it_stands_and_nothing_when_it_is_killed(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    light = PtyLight(tmp_path / "light")
    config = tmp_path / "station.toml"
    config.write_text(
        f'[run]\nmax_attempts = 1\n[stack_light]\nkind = "adafruit5125"\nport = "{tmp_path / "light"}"\nwink_s = 0\n'
    )
    bench = make_bench([camera(1), camera(2, faults=(Fault.from_json({"do": "boot_never", "times": 1}),))])
    with bench.station("--config", config) as running:
        assert {run["outcome"] for run in running.runs(2)} == {"PASS", "FAIL"}
        light.wait_for_changes(Y, NONE, Y)
        assert G in light.history
        assert R not in light.history
        bench.line.unplug(serial(2))
        bench.line.plug(serial(2))
        assert running.run()["outcome"] == "PASS"
        light.wait_for_changes(G, NONE, G, NONE, since=len(light.history))
        light.unplug()
        wait_for(lambda: any("the stack light was unplugged" in line for line in list(running.talk)), "the note")
        light.plug()
        light.wait_for_changes(G, NONE, since=len(light.history))
        (driver,) = running.processes("station-light")
        running.process.kill()
        running.end()
        wait_for(partial(is_dead, driver), "the light's process ends behind its line")
        light.wait_for()


def test_the_doctor_looks_for_the_light(tmp_path: Path) -> None:
    config, port = tmp_path / "station.toml", tmp_path / "light"
    config.write_text(f'[stack_light]\nkind = "sl60usb2"\nport = "{port}"\n')

    def found() -> tuple[bool, str]:
        done = station("doctor", "--json", "--config", config, "--data-dir", tmp_path / "data")
        (check,) = [one for one in json.loads(done.stdout)["checks"] if one["check"] == "stack light"]
        return check["ok"], check["found"]

    assert found() == (False, f"{port} is not there")
    PtyLight(port, "sl60usb2")
    assert found() == (True, "is there")
