"""Cameras in processes of their own."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from station.errors import SettingsError
from station.sim.serve import main
from station.sim.virtual_line import SimulationError, VirtualLine
from tests.unit.sim.driver import bootable, firmware, spec
from tests.unit.sim.usbip_client import Client


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_line_lives_as_long_as_its_context(tmp_path: Path) -> None:
    contents = bootable(tmp_path)
    specs = [
        spec(serial=f"{number:024X}", port_path=f"1-1.{number}", plugged=False, contents=contents, boot_s=0.05)
        for number in range(1, 4)
    ]
    with VirtualLine(specs, shards=2) as line:
        pids, folders = line.process_ids, line.addresses
        assert len(set(folders)) == 2
        assert [state["phase"] for state in line.states()] == ["off"] * 3
        line.plug_all()
        for camera in specs:
            line.wait_until(camera.serial, lambda state: state["configured"], 120)
        assert [state["port_path"] for state in line.states()] == ["1-1.1", "1-1.2", "1-1.3"]
        assert line.memory_sha256("1-1.2", "HP", 8192) == hashlib.sha256(firmware()).hexdigest()
        line.dump_memory("1-1.2", "HE", str(tmp_path / "he"), 100)
        assert (tmp_path / "he").stat().st_size == 100
        host = Client(os.path.join(folders[0], "usbip.sock"))
        assert {device[0] for device in host.listed()} == {"1-1.1", "1-1.3"}
        host.close()
        line.wait_until("1-1.3", lambda state: state["phase"] == "application", 120)
        line.replug("1-1.3", off_s=0)
        line.wait_until("1-1.3", lambda state: state["phase"] == "bootloader", 120)
        line.add_fault("1-1.3", {"do": "stall", "at": {"request": "GETSTATE"}})
        line.unplug(specs[2].serial)
        assert line.state("1-1.3")["phase"] == "off"
    assert not any(alive(pid) for pid in pids)
    assert not any(os.path.exists(folder) for folder in folders)


def test_two_cameras_with_one_serial_are_named_by_their_port() -> None:
    with VirtualLine([spec(plugged=False), spec(port_path="1-1.2", plugged=False)], shards=1) as line:
        with pytest.raises(SimulationError, match="2 cameras are called"):
            line.state(spec().serial)
        line.plug("1-1.2")
        assert line.state("1-1.2")["phase"] == "bootloader"
        with pytest.raises(SimulationError, match="0 cameras are called"):
            line.state("1-9")


def test_waiting_in_vain_says_what_the_camera_is() -> None:
    with (
        VirtualLine([spec(plugged=False)]) as line,
        pytest.raises(SimulationError, match=r"waited 0\.05 s in vain.*'phase': 'off'"),
    ):
        line.wait_until("1-1.1", lambda state: state["configured"], 0.05)


def test_a_simulation_that_cannot_start_says_why() -> None:
    missing = spec(contents=()).with_(release="/nowhere")
    with pytest.raises(SimulationError, match=r"did not start[\s\S]*nowhere"), VirtualLine([missing]):
        pass


def test_no_process_survives_its_parent(tmp_path: Path) -> None:
    """The parent is killed, so nobody says goodbye: the end of standard input has to do."""
    code = (
        "import time\n"
        "from station.sim.virtual_line import VirtualLine\n"
        "from station.sim.spec import CameraSpec\n"
        "line = VirtualLine([CameraSpec('A' * 24, '1-1.1')], shards=1).__enter__()\n"
        "print(line.process_ids[0], flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    assert parent.stdout is not None
    shard = int(parent.stdout.readline())
    assert alive(shard)
    parent.kill()
    parent.wait(120)
    parent.stdout.close()
    limit_s = time.monotonic() + 120
    while alive(shard):
        assert time.monotonic() < limit_s, "the shard is an orphan"
        time.sleep(0.01)


def test_sigterm_ends_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "station.sim.serve", "--dir", str(tmp_path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.terminate()
    assert process.wait(120) == 0
    process.stdout.close()
    assert process.stdin is not None
    process.stdin.close()


def test_a_wrong_spec_file_is_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cameras.json").write_text('[{"serial": "A", "port_path": "1-1", "colour": "red"}]')
    assert main(["--dir", str(tmp_path), "--spec", str(tmp_path / "cameras.json")]) == SettingsError.exit_code == 2
    assert "unknown key 'colour'" in capsys.readouterr().err


def test_the_simulation_needs_the_standard_library_only() -> None:
    """It starts in an emulated machine where every import costs ten times as much."""
    code = (
        "import sys; import station.sim.serve; "
        "print([m for m in sys.modules if m.split('.')[0] in {'pydantic', 'sqlalchemy', 'typer', 'rich', 'usb', "
        "'textual', 'asyncio', 'logging'} or m.startswith(('station.board', 'station.usb', 'station.line', "
        "'station.flash'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
