"""deploy/install on a bare Debian with systemd and without a network: from nothing to a camera that passed, and back.

In this order, on one machine: each begins where the one before it ended.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import wait_for
from tests.machine.bare_debian import Machine, booted, missing
from tests.machine.releases_to_install import (
    another_release,
    failing_migration,
    line_that_does_not_start,
    newer_schema,
    this_release,
)

pytestmark = [
    pytest.mark.machine,
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(missing()), reason=missing() or "it can"),
]
NAME = "openmv-ae3-station"
DATA = f"/var/lib/{NAME}"
PROGRAM = f"/opt/{NAME}/venv/bin/station"
VIRTUAL_DATA = f"{DATA}/virtual"
DROP_IN = f"/etc/systemd/system/{NAME}.service.d/virtual.conf"
VIRTUAL = f"""[Service]
ExecStart=
ExecStart={PROGRAM} run --serve --simulate 2 --batch B1 --data-dir {VIRTUAL_DATA} --config /etc/{NAME}/station.toml
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with booted(tmp_path_factory.mktemp("machine")) as found:
        release = this_release(found.share / "this")
        for version, change in (
            ("91.0", failing_migration),
            ("92.0", line_that_does_not_start),
            ("93.0", newer_schema),
            ("94.0", newer_schema),
        ):
            another_release(release, found.share / version, version, change)
        yield found


def install(machine: Machine, release: str, *words: str) -> tuple[int, str]:
    done = machine.run(f"/mnt/{release}/deploy/install", *words)
    return done.returncode, done.stderr


def log_of(machine: Machine) -> tuple[str, int]:
    """The log's schema and its runs."""
    found = json.loads(machine.tell("station", "db", "check", "--json", "--data-dir", DATA))
    return found["revision"], found["runs"]


def active(machine: Machine) -> str:
    return machine.tell("readlink", f"/opt/{NAME}/active").removeprefix("releases/").partition("-")[0]


def test_from_nothing_to_a_camera_that_passed(machine: Machine) -> None:
    code, said = install(machine, "this")
    assert code == 0, said
    assert "next: station bundle import" in said
    assert machine.state(NAME, "UnitFileState") == "enabled"
    machine.tell("station", "bundle", "demo", f"{DATA}/demo")
    machine.tell("station", "bundle", "import", f"{DATA}/demo")
    (bundle,) = json.loads(machine.tell("station", "bundle", "list", "--json"))
    machine.tell("station", "bundle", "use", bundle["bundle"])
    machine.write(DROP_IN, VIRTUAL)
    machine.tell("systemctl", "daemon-reload")
    machine.tell("systemctl", "start", NAME)
    assert machine.state(NAME, "StatusErrno") == "0"
    wait_for(lambda: machine.state("openmv-ae3-awake.service", "ActiveState") == "active", "kept awake")
    assert "a batch is open" in machine.tell("systemd-inhibit", "--list")


def test_stopped_in_the_middle_both_cameras_finish(machine: Machine) -> None:
    checked = ("station", "db", "check", "--json", "--data-dir", VIRTUAL_DATA)
    wait_for(lambda: json.loads(machine.tell(*checked))["open_runs"] == 2, "both cameras in their runs")
    machine.tell("systemctl", "stop", NAME)
    assert (machine.state(NAME, "Result"), machine.state(NAME, "ExecMainStatus")) == ("success", "130")
    machine.tell("station", "export", "--data-dir", VIRTUAL_DATA, "--output", f"{DATA}/runs.jsonl")
    runs = [json.loads(line) for line in machine.tell("cat", f"{DATA}/runs.jsonl").splitlines()]
    assert [run["outcome"] for run in runs] == ["PASS", "PASS"]
    machine.tell("station", "import", f"{DATA}/runs.jsonl")
    wait_for(lambda: machine.state("openmv-ae3-awake.service", "ActiveState") == "inactive", "sleep allowed")
    machine.tell("rm", DROP_IN)


def test_a_line_that_hangs_is_restarted(machine: Machine) -> None:
    machine.tell("systemctl", "daemon-reload")
    machine.tell("systemctl", "start", NAME)
    before = machine.state(NAME, "MainPID")
    machine.tell("systemctl", "kill", "--kill-whom=main", "--signal=STOP", NAME)
    wait_for(lambda: machine.state(NAME, "MainPID") not in (before, "0"), "another process", 90)
    wait_for(lambda: machine.state(NAME, "ActiveState") == "active", "ready again")


@pytest.mark.parametrize("broken", ["91.0", "92.0"])
def test_a_release_that_does_not_work_is_taken_back_with_its_log(machine: Machine, broken: str) -> None:
    before = active(machine), *log_of(machine)
    code, said = install(machine, broken)
    assert code == 1, said
    assert "did not work" in said
    assert (active(machine), *log_of(machine)) == before
    assert before[2] == 2
    assert machine.state(NAME, "ActiveState") == "active"


def test_a_release_that_works_migrates_the_log(machine: Machine) -> None:
    for _ in range(2):
        code, said = install(machine, "93.0")
        assert code == 0, said
        assert (active(machine), *log_of(machine)) == ("93.0", "0999", 2)
        assert machine.state(NAME, "ActiveState") == "active"


def test_an_older_release_does_not_get_a_newer_log(machine: Machine) -> None:
    code, said = install(machine, "this")
    assert code == 1, said
    assert (active(machine), *log_of(machine)) == ("93.0", "0999", 2)


def test_a_wheel_that_was_changed_is_not_installed(machine: Machine) -> None:
    before = active(machine), machine.state(NAME, "MainPID")
    machine.tell("cp", "-R", "/mnt/this", "/var/tmp/changed")
    (wheel,) = (Path(machine.share) / "this/wheels").glob("jinja2-*.whl")
    machine.tell("sh", "-c", f"echo more >>/var/tmp/changed/wheels/{wheel.name}")
    machine.tell("sh", "-c", "echo '# another release' >>/var/tmp/changed/deploy/backup.conf")
    done = machine.run("/var/tmp/changed/deploy/install")
    assert done.returncode == 2
    assert "nothing was changed" in done.stderr
    assert (active(machine), machine.state(NAME, "MainPID")) == before


def test_a_line_that_waits_for_its_slots_to_be_verified_takes_an_upgrade(machine: Machine) -> None:
    """At the start of a shift: the check of the slots is older than it may be, and no camera has been there yet."""
    settings = machine.tell("cat", f"/etc/{NAME}/station.toml")
    due = settings.replace("require_verification = false", "require_verification = true")
    machine.write(f"/etc/{NAME}/station.toml", due.replace("\n[slots]\n", '\n[slots]\nA1 = "1-1.1"\n'))
    code, said = install(machine, "94.0")
    assert code == 0, said
    assert "station verify-slots" in said
    assert (active(machine), *log_of(machine)) == ("94.0", "0999", 2)
    assert machine.state("openmv-ae3-start.path", "ActiveState") == "active"
    machine.write(f"/etc/{NAME}/station.toml", settings)
    code, said = install(machine, "93.0")
    assert code == 0, said
    assert machine.state(NAME, "ActiveState") == "active"


def test_who_is_in_the_group_may_change_the_configuration(machine: Machine) -> None:
    machine.tell("useradd", "--groups", "ae3-station", "ada")
    machine.tell("systemctl", "restart", NAME)
    change = f"cp /etc/{NAME}/station.toml /etc/{NAME}/.new && mv /etc/{NAME}/.new /etc/{NAME}/station.toml"
    machine.tell("runuser", "-u", "ada", "--", "sh", "-c", change)
    assert machine.tell("stat", "-c", "%U %G", f"/etc/{NAME}/station.toml") == "ada ae3-station"
    machine.tell("useradd", "eve")
    assert machine.run("runuser", "-u", "eve", "--", "sh", "-c", change).returncode != 0
    machine.tell("systemctl", "restart", NAME)


@pytest.mark.parametrize(("code", "again"), [(70, True), (3, False)])
def test_a_mistake_of_ours_is_started_again(machine: Machine, code: int, again: bool) -> None:
    machine.write(DROP_IN, f"[Service]\nType=simple\nRestartSec=0\nExecStart=\nExecStart=/bin/sh -c 'exit {code}'\n")
    machine.tell("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", NAME)
    wait_for(lambda: machine.state(NAME, "ActiveState") == "failed", "it gives up")
    assert (int(machine.state(NAME, "NRestarts")) > 0) is again
    machine.tell("rm", DROP_IN)
    machine.tell("systemctl", "daemon-reload")
    machine.tell("systemctl", "reset-failed", NAME)
    machine.tell("systemctl", "start", NAME)


def test_the_nightly_backup_is_restored_once(machine: Machine) -> None:
    machine.tell("systemctl", "start", "openmv-ae3-backup")
    assert machine.state("openmv-ae3-backup", "Result") == "success"
    assert "nightly-" in machine.tell("ls", f"{DATA}/backups")


def test_taken_off_the_data_stay(machine: Machine) -> None:
    machine.tell("/mnt/93.0/deploy/install", "--uninstall")
    assert machine.run("test", "-e", f"/opt/{NAME}").returncode == 1
    assert machine.run("systemctl", "list-unit-files", "--no-legend", "openmv*").stdout == ""
    assert machine.tell("ls", "/etc/udev/rules.d") == ""
    assert "station.sqlite3" in machine.tell("ls", DATA)
    code, said = install(machine, "93.0")
    assert code == 0, said
    assert log_of(machine) == ("0999", 2)
