from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest

from station.sim.virtual_line import SimulationError
from tests.unit.sim.conftest import Served
from tests.unit.sim.driver import SERIAL, firmware


def test_watch_tells_what_is_there_and_then_what_happens(served: Served) -> None:
    assert served.watcher.read() == {"event": "listed"}
    served.add(faults=[{"do": "boot_never"}])
    served.add(port_path="1-1.2", faults=[{"do": "boot_never"}])
    ports = {served.arrival()["port_path"] for _ in range(2)}
    assert ports == {"1-1.1", "1-1.2"}
    late = type(served.control)(str(served.folder), 10)
    late.send({"do": "watch"})
    there = [late.read() for _ in range(3)]
    assert {event["device"]["port_path"] for event in there[:2]} == ports
    assert there[2] == {"event": "listed"}
    served.control.ask("unplug", port_path="1-1.2")
    assert late.read() == {"event": "left", "port_path": "1-1.2"}
    late.close()


def test_addresses_grow_with_each_enumeration(served: Served) -> None:
    served.add()
    first = served.arrival()["address"]
    served.control.ask("replug", port_path="1-1.1", off_s=0)
    assert served.arrival()["address"] == first + 1


def test_a_camera_can_be_plugged_in_by_its_spec(served: Served) -> None:
    served.control.ask("plug", camera={"serial": "A" * 24, "port_path": "2-3", "enumeration_s": 0})
    assert served.arrival()["port_path"] == "2-3"
    with pytest.raises(SimulationError, match="already has a camera"):
        served.control.ask("plug", camera={"serial": "B" * 24, "port_path": "2-3"})


def test_the_state_tells_times_and_counts(served: Served) -> None:
    served.add(trace=True)
    served.arrival()
    state = served.control.ask("state", port_path="1-1.1")
    assert state["serial"] == SERIAL
    assert state["phase"] == "bootloader"
    assert state["configured"] is True
    assert state["sessions"][0]["configured_s"] > state["sessions"][0]["started_s"]
    assert [0x00, 9, 1, 0, 0] in state["trace"]
    every = served.control.ask("state")["cameras"]
    assert [camera["port_path"] for camera in every] == ["1-1.1"]


def test_power_goes_off_and_on(served: Served) -> None:
    served.add()
    served.arrival()
    served.control.ask("power", on=False)
    assert served.control.ask("state", port_path="1-1.1")["phase"] == "off"
    served.departure()
    served.control.ask("power", on=True, port_path="1-1.1")
    served.arrival()


def test_an_application_is_sent_back_to_its_bootloader(served: Served) -> None:
    served.add()
    served.arrival(0x16E3)
    served.control.ask("enter_bootloader", port_path="1-1.1")
    served.arrival(0x96E3)
    assert served.control.ask("state", port_path="1-1.1")["sessions"][-1]["forced"] is True


def test_a_fault_is_scripted_later(served: Served) -> None:
    served.add()
    served.arrival()
    served.control.ask("fault", port_path="1-1.1", fault={"do": "stall", "at": {"request": "GETSTATE"}})
    assert served.opened().try_control(0xA1, 5, 0, 1)[0] == -32


def test_memory_is_told_as_digest_bytes_or_file(served: Served, tmp_path: Path) -> None:
    served.add()
    image = firmware()
    where: dict[str, Any] = {"port_path": "1-1.1", "length": len(image)}
    assert served.control.ask("memory", partition="HP", **where)["sha256"] == hashlib.sha256(image).hexdigest()
    part = served.control.ask("memory", alt=1, port_path="1-1.1", offset=8, length=4, **{"as": "base64"})
    assert base64.b64decode(part["base64"]) == image[8:12]
    served.control.ask("memory", partition="HP", path=str(tmp_path / "dump"), **where, **{"as": "file"})
    assert (tmp_path / "dump").read_bytes() == image


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ({"do": "dance"}, "'dance', allowed: watch, plug"),
        ({"do": "state", "port": 1}, "unknown key 'port', allowed: port_path"),
        ({"do": "unplug", "port_path": "9-9"}, "no camera at port '9-9'"),
        ({"do": "memory", "port_path": "1-1.1"}, "needs `partition` or `alt`"),
        ({"do": "memory", "port_path": "1-1.1", "alt": 7}, "RECOVERY stores nothing"),
        ({"do": "memory", "port_path": "1-1.1", "alt": 1, "as": "music"}, "allowed: sha256, base64, file"),
        ({"do": "memory", "partition": "HP"}, "`port_path` is missing"),
        ({"do": "fault", "port_path": "1-1.1", "fault": {"do": "x"}}, "`do` is 'x'"),
        ({"do": "plug", "camera": {"serial": "A"}}, "`port_path` is None"),
        ({"do": "replug", "port_path": "1-1.1", "off_s": "long"}, "long"),
        ([], "a JSON object"),
    ],
)
def test_what_is_wrong_is_an_error_and_changes_nothing(served: Served, command: Any, found: str) -> None:
    served.add()
    served.control.send(command)
    assert found in served.control.read()["error"]
    assert served.control.ask("state", port_path="1-1.1")["connections"] == 1


@pytest.mark.parametrize(
    ("line", "found"), [("plug!", "it is not JSON"), ("[1]", "a JSON object"), ("", "it is not JSON")]
)
def test_a_line_that_is_no_json_object_is_an_error(served: Served, line: str, found: str) -> None:
    served.control._link.send_typed(line)
    assert found in served.control.read()["error"]


def test_quit_ends_the_bench(served: Served) -> None:
    served.control.ask("quit")
    assert served.bench.ended.wait(120)


def test_addresses_wrap_around_past_those_in_use(served: Served) -> None:
    served.add(forced=True)
    kept = served.arrival()["address"]
    served.add(port_path="1-1.2", enumeration_s=0.0, forced=True)
    seen = [served.arrival()["address"]]
    while len(seen) < 126:
        served.control.ask("replug", port_path="1-1.2", off_s=0)
        seen.append(served.arrival()["address"])
    assert kept not in seen
    assert (min(seen), max(seen)) == (kept + 1, 127)
    assert seen[0] == seen[125], "it began again"
