from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from station.errors import SettingsError
from station.sim.camera import Camera
from station.sim.demo_cameras import demo_serial, demo_specs
from station.sim.memory import Memory
from station.sim.profiles import PROFILES
from station.sim.spec import RELEASE_FILES, CameraSpec, Content, load_specs, save_specs
from tests.unit.sim.driver import HP, ROMFS0, SERIAL, ManualClock, spec


def test_a_spec_survives_json(tmp_path: Path) -> None:
    whole = spec(
        profile="nor",
        scale=0.05,
        contents=(Content("HP", "/tmp/hp.bin", 0.9),),
        faults=[{"do": "err_write", "at": {"alt": 6, "block": 900}}],
        vhci_port=31,
    )
    save_specs(str(tmp_path / "cameras.json"), [whole, spec(port_path="1-1.2")])
    assert load_specs(str(tmp_path / "cameras.json")) == (whole, spec(port_path="1-1.2"))


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"colour": "red"}, "unknown key 'colour'"),
        ({"profile": "fast"}, "`profile` is 'fast', allowed: .*instant.*mram.*nor"),
        ({"table": "2024"}, "`table` is '2024'"),
        ({"scale": "1"}, "`scale` is '1', allowed: a number"),
        ({"scale": -1}, "`scale` is -1"),
        ({"trace": 1}, "`trace` is 1, allowed: true or false"),
        ({"serial": 5}, "`serial` is 5, allowed: text"),
        ({"port_path": "1.4"}, "BUS-PORT"),
        ({"bootloader": "1.0"}, "MAJOR.MINOR.PATCH"),
        ({"vhci_port": "3"}, "`vhci_port` is '3'"),
        ({"faults": [{"do": "nothing"}]}, "`do` is 'nothing'"),
        ({"faults": "none"}, "a list of objects"),
        ({"contents": [{"partition": "HP"}]}, "other keys than"),
        ({"contents": [{"partition": "LOGO", "file": "x"}]}, "no partition 'LOGO'"),
    ],
)
def test_what_is_wrong_is_refused_and_named(change: dict[str, Any], found: str) -> None:
    with pytest.raises(SettingsError, match=found):
        CameraSpec.from_json({"serial": SERIAL, "port_path": "1-1.1", **change})


@pytest.mark.parametrize("missing", ["serial", "port_path"])
def test_serial_and_port_are_needed(missing: str) -> None:
    raw = {"serial": SERIAL, "port_path": "1-1.1"}
    del raw[missing]
    with pytest.raises(SettingsError, match=f"`{missing}` is missing"):
        CameraSpec.from_json(raw)


@pytest.mark.parametrize("text", ["{}", "[1]", "not json"])
def test_a_file_that_is_no_list_of_cameras_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "cameras.json").write_text(text)
    with pytest.raises(SettingsError, match=r"cameras\.json"):
        load_specs(str(tmp_path / "cameras.json"))


def test_a_release_folder_is_in_memory_before_the_first_power_up(tmp_path: Path) -> None:
    for number, file in enumerate(RELEASE_FILES.values()):
        (tmp_path / file).write_bytes(bytes((number + 1,)) * 10000)
    partial = Content("ROMFS0", str(tmp_path / "romfs0.img"), 0.25)
    camera = Camera(spec(release=str(tmp_path)), ManualClock())
    interrupted = Camera(spec(contents=(partial,)), ManualClock())
    table = camera.flash.table
    assert camera.flash.memory_of(table[HP]).read(table[HP].start, 10001) == b"\x01" * 10000 + b"\xff"
    assert camera.flash.memory_of(table[ROMFS0]).read(table[ROMFS0].start + 9999, 2) == b"\x04\xff"
    assert interrupted.flash.memory_of(table[ROMFS0]).read(table[ROMFS0].start + 2499, 2) == b"\x04\xff"


def test_profiles_are_scaled_as_a_whole() -> None:
    fast = PROFILES["nor"].scaled(0.05)
    assert (fast.external_write_s, fast.external_read_s, fast.onchip_write_s) == pytest.approx((0.0015, 0.000125, 5e-5))
    assert fast.external == "nor"


@pytest.mark.parametrize(
    ("profile", "external", "has_mram"),
    [("mram", "", True), ("nor", "", False), ("instant", "", True), ("nor", "mram", True), ("mram", "nor", False)],
)
def test_the_chip_is_the_profiles_unless_told(profile: str, external: str, has_mram: bool) -> None:
    assert spec(profile=profile, external=external).has_mram is has_mram


def test_memory_reads_across_sectors_and_blank() -> None:
    memory = Memory()
    memory.overwrite(4090, b"0123456789")
    assert memory.read(4088, 14) == b"\xff\xff0123456789\xff\xff"
    assert memory.read(1 << 24, 10000) == b"\xff" * 10000
    assert memory.sha256(4090, 10) == hashlib.sha256(b"0123456789").hexdigest()


def test_an_erase_leaves_nothing() -> None:
    memory = Memory()
    memory.replace_sector(8192, b"x")
    memory.erase()
    assert memory.read(8192, 4096) == b"\xff" * 4096


def test_thirty_two_cameras_with_one_release_share_its_bytes() -> None:
    memories = [Memory() for _ in range(32)]
    for memory in memories:
        for sector in range(100):
            memory.replace_sector(sector * 4096, bytes((sector,)) * 4096)
    sectors = {id(memory.read(sector * 4096, 4096)) for memory in memories for sector in range(100)}
    assert len(sectors) == 100
    assert memories[0].stored_sectors == 100


def test_the_demo_line_has_one_that_fails_and_one_without_initialized_mram() -> None:
    specs = demo_specs(8)
    assert len({camera.serial for camera in specs}) == len({camera.port_path for camera in specs}) == 8
    assert [camera.port_path for camera in specs][:2] == ["1-1.1", "1-1.2"]
    assert [bool(camera.faults) for camera in specs].count(True) == 1
    assert [camera.mram_initialized for camera in specs].count(False) == 1
    assert all(camera.profile == "mram" for camera in specs)
    assert not any(camera.faults and not camera.mram_initialized for camera in specs)
    assert specs == demo_specs(8), "the same every time"
    assert int(demo_serial(0), 16)
    assert len(demo_serial(0)) == 24
    assert json.loads(json.dumps(specs[2].to_json()))["faults"] == [{"do": "boot_never", "times": None, "skip": 0}]


def test_sound_cameras_have_nothing_wrong_with_them() -> None:
    assert all(camera.mram_initialized and not camera.faults for camera in demo_specs(8, sound=True))
