"""What the doctor finds on machines that are well and on machines that are not; folders stand for their /."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from station.board.openmv_ae3 import OPENMV_AE3
from station.bundle.store import BundleStore
from station.cli import doctor_checks
from station.cli.doctor_checks import examine
from station.cli.finding import Finding
from station.ledger import schema_version
from station.ledger.recorder import Recorder
from station.model.events import RunFinished, RunOpened
from station.settings import load_settings
from tests.releases import make_demo_release
from tests.unit.cli.conftest import Station
from tests.unit.ledger.builders import a_run

RULE = Path(__file__).parents[3] / "deploy/udev/70-openmv-ae3.rules"


def plug(root: Path, name: str, **attributes: str) -> None:
    """A device in sysfs, or more of what one says."""
    device = root / "sys/bus/usb/devices" / name
    (device / "power").mkdir(parents=True, exist_ok=True)
    (device / "power/control").write_text("on\n")
    for key, value in attributes.items():
        (device / key.replace("__", "/")).write_text(f"{value}\n")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine with udev, the rule, one camera in a slot and a mouse."""
    root = tmp_path / "machine"
    for folder in ("run/udev", "etc/udev/rules.d", "dev/bus/usb/001"):
        (root / folder).mkdir(parents=True)
    (root / "run/udev/control").touch()
    shutil.copy(RULE, root / "etc/udev/rules.d")
    for name, vendor, number in (("1-1.4", "37c5", 7), ("1-2", "046d", 8)):
        device = root / "sys/bus/usb/devices" / name
        device.mkdir(parents=True)
        for key, value in (("idVendor", vendor), ("busnum", 1), ("devnum", number)):
            (device / key).write_text(f"{value}\n")
    (root / "sys/bus/usb/devices/1-1.4:1.0").mkdir()
    (root / "dev/bus/usb/001/007").touch()
    plug(root, "1-1", bDeviceClass="09", bmAttributes="e0")
    plug(root, "1-1.4", bDeviceClass="ef", bmAttributes="80")
    (root / "run/systemd/timesync").mkdir(parents=True)
    (root / "run/systemd/timesync/synchronized").touch()
    return root


@pytest.fixture
def well(data_dir: Path, tmp_path: Path) -> Path:
    """A data folder with a log and with a bundle in use."""
    schema_version.create_or_check(data_dir)
    release = tmp_path / "release"
    make_demo_release(release, hp_bytes=4096, he_bytes=4096, romfs0_bytes=4096, romfs1_bytes=4096)
    store = BundleStore(data_dir, OPENMV_AE3)
    store.import_path(release, "v1")
    store.use("v1")
    return data_dir


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def test_all_is_well(machine: Path, well: Path) -> None:
    findings = examine(None, None, machine)
    assert [finding for finding in findings if not finding.ok] == []
    assert [finding.name for finding in findings] == [
        "configuration",
        "libusb",
        "udev",
        "udev rule",
        "camera at 1-1.4",
        "log",
        "disk",
        "bundle",
        "devices",
        "hubs",
        "backup",
        "clock",
        "engineer's PIN",
    ]
    assert by_name(findings)["libusb"].found.startswith("1.0.")


class Harm(NamedTuple):
    """Something that is done to a machine that is well, and what is found then."""

    do: Callable[[Path, Path], object]
    name: str
    found: str
    fix: str
    exit_code: int


def corrupt_image(_machine: Path, data_dir: Path) -> None:
    image = next(iter((data_dir / "bundles/objects").iterdir()))
    image.chmod(0o644)
    image.write_bytes(b"x" * image.stat().st_size)


def replace_in_rule(machine: Path, old: str, new: str) -> None:
    rule = machine / "etc/udev/rules.d" / RULE.name
    text = rule.read_text()
    assert old in text
    rule.write_text(text.replace(old, new))


def start(machine: Path, *names: str) -> None:
    """As if these programs ran."""
    for number, name in enumerate(names, start=100):
        (machine / f"proc/{number}").mkdir(parents=True)
        (machine / f"proc/{number}/comm").write_text(f"{name}\n")


def open_files(machine: Path, pid: int, name: str, *files: str) -> None:
    """As if a program had these files open."""
    folder = machine / f"proc/{pid}/fd"
    folder.mkdir(parents=True)
    (machine / f"proc/{pid}/comm").write_text(f"{name}\n")
    for number, file in enumerate(files, start=3):
        (folder / str(number)).symlink_to(file)


def open_serial_port(machine: Path) -> None:
    (machine / "sys/bus/usb/devices/1-1.4/1-1.4:1.1/tty/ttyACM0").mkdir(parents=True)
    open_files(machine, 99, "picocom", "/dev/ttyACM0")


def fill_the_bus(machine: Path) -> None:
    for number in range(1, 126):
        plug(machine, f"1-3.{number}")


def put_run(data_dir: Path, *, station: str, days_ago: float = 0) -> None:
    """One run in the log, of this station where none is named."""
    began = datetime.now(UTC) - timedelta(days=days_ago, minutes=1)
    here = load_settings(data_dir=data_dir).station_id
    run = a_run(station_id=station or here, started_at=began, finished_at=began + timedelta(seconds=30))
    recorder = Recorder(data_dir, lambda reply: None)
    recorder.submit(RunOpened(replace(run, outcome=None, finished_at=None, attempts=())))
    recorder.submit(RunFinished(run))
    assert recorder.close(120)


HARMS = {
    "no udev": Harm(
        lambda machine, _: (machine / "run/udev/control").unlink(), "udev", "does not run", "systemctl start", 5
    ),
    "no rule": Harm(
        lambda machine, _: (machine / "etc/udev/rules.d" / RULE.name).unlink(),
        "udev rule",
        "not installed",
        f"sudo install -m 0644 {RULE} /etc/udev/rules.d/",
        5,
    ),
    "a rule of an older version": Harm(
        lambda machine, _: replace_in_rule(machine, "# version 3", "#"),
        "udev rule",
        "is not this station's: version 1, here is 3",
        f"sudo install -m 0644 {RULE} /etc/udev/rules.d/",
        5,
    ),
    "a rule that was changed": Harm(
        lambda machine, _: replace_in_rule(machine, 'ATTR{authorized}="0"', 'ATTR{authorized}="1"'),
        "udev rule",
        "was changed: it differs from version 3",
        "sudo install",
        5,
    ),
    "the rule of somebody else": Harm(
        lambda machine, _: (machine / "etc/udev/rules.d" / RULE.name).rename(machine / "etc/udev/rules.d/99-ide.rules"),
        "udev rule",
        "99-ide.rules is not this station's",
        "sudo install",
        5,
    ),
    "a node that cannot be opened": Harm(
        lambda machine, _: (machine / "dev/bus/usb/001/007").unlink(),
        "camera at 1-1.4",
        "may not be opened",
        "usermod -a -G plugdev",
        5,
    ),
    "a log that is none": Harm(
        lambda _, data_dir: (data_dir / "station.sqlite3").write_bytes(b"not a database" * 100),
        "log",
        "damaged",
        "backup",
        4,
    ),
    "a bundle that was changed": Harm(corrupt_image, "bundle", "has SHA-256", "", 3),
    "a hub on its bus's power": Harm(
        lambda machine, _: plug(machine, "1-1", bmAttributes="a0"), "hub power", "hub 1-1: without power", "supply", 5
    ),
    "a sixth hub in a row": Harm(
        lambda machine, _: plug(machine, "1-1.1.1.1.1.1", bDeviceClass="09", bmAttributes="e0"),
        "hub depth",
        "hub 1-1.1.1.1.1.1",
        "nearer",
        5,
    ),
    "more devices than a bus has addresses": Harm(
        lambda machine, _: fill_the_bus(machine),
        "devices",
        "bus 1 needs 128 addresses",
        "another USB controller",
        5,
    ),
    "a camera that may be suspended": Harm(
        lambda machine, _: plug(machine, "1-1.4", power__control="auto"),
        "autosuspend",
        "camera 1-1.4",
        "echo on | sudo tee /sys/bus/usb/devices/1-1.4/power/control",
        5,
    ),
    "another program that has the camera": Harm(
        lambda machine, _: open_files(machine, 4711, "openmv-ide", "/dev/bus/usb/001/007"),
        "held by another program",
        "openmv-ide (process 4711) has camera 1-1.4 open",
        "sudo kill 4711",
        5,
    ),
    "a terminal on the camera's serial port": Harm(
        lambda machine, _: open_serial_port(machine),
        "held by another program",
        "picocom (process 99) has camera 1-1.4 open",
        "sudo kill 99",
        5,
    ),
    "nobody keeps the clock": Harm(
        lambda machine, _: (machine / "run/systemd/timesync/synchronized").unlink(),
        "clock",
        "not synchronized",
        "timedatectl set-ntp true",
        2,
    ),
    "a clock that is behind the log": Harm(
        lambda _, data_dir: put_run(data_dir, station="", days_ago=-2), "clock", "behind the log", "timedatectl", 2
    ),
    "a host that was renamed": Harm(
        lambda _, data_dir: put_run(data_dir, station="bench-7"),
        "station name",
        "the newest runs of its log are of bench-7",
        "hostnamectl set-hostname bench-7",
        2,
    ),
    "runs of a month in no backup": Harm(
        lambda _, data_dir: put_run(data_dir, station="", days_ago=31),
        "backup",
        "runs of 31 days are in no backup",
        "station db backup",
        4,
    ),
    "no bundle in use": Harm(
        lambda _, data_dir: (data_dir / "bundles/used").unlink(), "bundle", "none is in use", "station bundle import", 2
    ),
}


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
def test_one_thing_is_wrong(machine: Path, well: Path, harm: Harm) -> None:
    harm.do(machine, well)
    (wrong,) = [finding for finding in examine(None, None, machine) if not finding.ok]
    assert wrong.name == harm.name
    assert harm.found in wrong.found
    assert harm.fix in wrong.fix
    assert wrong.fix
    assert wrong.exit_code == harm.exit_code


def test_programs_that_disturb_cameras_are_named_only_where_no_rule_keeps_them_off(machine: Path, well: Path) -> None:
    start(machine, "systemd", "ModemManager", "udisksd")
    (machine / "etc/usbmount").mkdir()
    (machine / doctor_checks.USBMOUNT).touch()
    assert "other programs" not in by_name(examine(None, None, machine))
    replace_in_rule(machine, "# version 3", "#")
    found = by_name(examine(None, None, machine))["other programs"]
    assert not found.ok
    for name in ("ModemManager", "udisksd", "usbmount"):
        assert name in found.found
    assert "systemd" not in found.found
    assert found.fix == doctor_checks.INSTALL_RULE


def test_the_first_folder_of_udev_counts(machine: Path, well: Path) -> None:
    """A file in /etc hides one of the same name in /usr/lib."""
    (machine / "usr/lib/udev/rules.d").mkdir(parents=True)
    (machine / "etc/udev/rules.d" / RULE.name).rename(machine / "usr/lib/udev/rules.d" / RULE.name)
    assert by_name(examine(None, None, machine))["udev rule"].ok
    (machine / "etc/udev/rules.d" / RULE.name).write_text("# nothing\n")
    assert not by_name(examine(None, None, machine))["udev rule"].ok


def test_too_little_room(machine: Path, well: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_checks, "LEAST_FREE_BYTES", 1 << 60)
    (wrong,) = [finding for finding in examine(None, None, machine) if not finding.ok]
    assert (wrong.name, wrong.exit_code) == ("disk", 4)


def test_a_machine_with_nothing_yet(machine: Path, data_dir: Path, tmp_path: Path) -> None:
    shutil.rmtree(machine / "sys")
    found = by_name(examine(None, tmp_path / "not" / "there", machine))
    assert found["cameras"].found == "none is plugged in"
    assert found["log"].found == "not there yet; the first run makes it"
    assert found["disk"].ok
    assert not (tmp_path / "not").exists()


def test_a_configuration_that_is_wrong_does_not_hide_the_machine(machine: Path, well: Path, tmp_path: Path) -> None:
    config = tmp_path / "station.toml"
    config.write_text("[run]\nverify = 7\n")
    findings = examine(config, None, machine)
    assert [finding.name for finding in findings if not finding.ok] == ["configuration"]
    assert findings[0].exit_code == 2
    assert "camera at 1-1.4" in by_name(findings)


def test_the_command(station: Station, well: Path, machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_checks.examine, "__defaults__", (machine,))
    told = station("doctor", "--json")
    assert (told.exit_code, told.json["ok"]) == (0, True)
    assert set(told.json["checks"][0]) == {"check", "ok", "found", "fix"}
    (machine / "run/udev/control").unlink()
    told = station("doctor")
    assert told.exit_code == 5
    assert "WRONG udev: does not run here" in told.out
    assert "ok    udev rule: installed as " in told.out


def test_the_rule_is_one_that_udev_can_read() -> None:
    lines = RULE.read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert {part for line in rules for part in line.split('"')[1::2]} >= {"37c5", "96e3", "16e3", "0660", "plugdev"}
    *permitting, disk, block = rules
    for rule in permitting:
        assert 'TAG+="uaccess"' in rule
        assert "ID_MM_" in rule
    assert 'ATTR{bInterfaceClass}=="08"' in disk, "by class: a firmware may number its interfaces otherwise"
    assert disk.endswith('ATTR{authorized}="0"')
    assert 'ENV{UDISKS_IGNORE}="1"' in block
    verify = shutil.which("udevadm")
    if verify is not None and "verify" in subprocess.run([verify, "--help"], capture_output=True, text=True).stdout:
        subprocess.run([verify, "verify", "--no-summary", RULE], check=True, capture_output=True)


@pytest.mark.parametrize(("place", "ok"), [("a", True), ("b", False)])
def test_slots_whose_controller_is_not_there(machine: Path, well: Path, tmp_path: Path, place: str, ok: bool) -> None:
    hub = machine / f"sys/devices/pci0/{place}/usb3"
    hub.mkdir(parents=True)
    (machine / "sys/bus/usb/devices/usb3").symlink_to(hub)
    config = tmp_path / "station.toml"
    config.write_text('[slots]\nA1 = "1-1.4"\n[controllers]\n1 = "pci0/a"\n')
    found = by_name(examine(config, well, machine))["slots"]
    assert found.ok is ok
    assert ("another bus number" in found.found) is ok
    assert ("slot A1 (1-1.4) takes no camera" in found.found) is not ok


def test_five_faults_at_once_are_all_named(machine: Path, well: Path) -> None:
    faults = ("a hub on its bus's power", "a camera that may be suspended", "a terminal on the camera's serial port")
    for name in (*faults, "nobody keeps the clock", "a host that was renamed"):
        HARMS[name].do(machine, well)
    found = {finding.name: finding for finding in examine(None, None, machine) if not finding.ok}
    assert set(found) == {"hub power", "autosuspend", "held by another program", "clock", "station name"}
    assert all(finding.fix for finding in found.values())


def test_the_stations_own_processes_are_no_other_programs(machine: Path, well: Path) -> None:
    for pid, name in enumerate(("station-holder", "w 1-1.4", "station-worker"), start=50):
        open_files(machine, pid, name, "/dev/bus/usb/001/007")
    open_files(machine, 60, "mouse-driver", "/dev/bus/usb/001/008")
    assert "held by another program" not in by_name(examine(None, None, machine))


def test_a_hub_without_power_that_feeds_no_camera_is_left_alone(machine: Path, well: Path) -> None:
    plug(machine, "1-5", bDeviceClass="09", bmAttributes="a0")
    assert by_name(examine(None, None, machine))["hubs"].ok


def test_a_clock_that_is_set_by_hand_asks_for_no_time_server(
    machine: Path, well: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    HARMS["nobody keeps the clock"].do(machine, well)
    monkeypatch.setenv("STATION_STATION__CLOCK", "by hand")
    assert by_name(examine(None, None, machine))["clock"].ok
    put_run(well, station="", days_ago=-2)
    assert not by_name(examine(None, None, machine))["clock"].ok


def test_a_backup_ends_the_complaint(machine: Path, well: Path, station: Station, tmp_path: Path) -> None:
    put_run(well, station="", days_ago=31)
    assert not by_name(examine(None, None, machine))["backup"].ok
    assert station("db", "backup", tmp_path / "copy.sqlite3").exit_code == 0
    assert by_name(examine(None, None, machine))["backup"].ok
