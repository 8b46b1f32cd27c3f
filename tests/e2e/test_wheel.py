"""What an installed wheel can do without the checkout: a line, the log, reports, the doctor, every language."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.e2e.conftest import ROOT, Installed
from tests.releases import make_demo_release

SERIAL = "3A0F5C77B1D2E49600112233"


def test_everything_that_is_no_module_is_in_the_wheel(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as wheel:
        names = set(wheel.namelist())
        migrations = {
            f"station/_migrations/versions/{each.name}" for each in (ROOT / "migrations/versions").glob("*.py")
        }
        others = {
            str(path.relative_to(ROOT))
            for path in (ROOT / "station").rglob("*")
            if path.is_file() and path.suffix not in (".py", ".pyc")
        }
        assert len(migrations) > 1
        assert not (migrations | others | {"station/_migrations/env.py"}) - names
        rule = (ROOT / "deploy/udev/70-openmv-ae3.rules").read_bytes()
        assert wheel.read("station/_udev/70-openmv-ae3.rules") == rule


def test_its_modules_are_its_own(installed: Installed) -> None:
    assert Path(installed.python("import station; print(station.__file__)")).is_relative_to(installed.environment)


@contextmanager
def running(installed: Installed, *words: object) -> Iterator[subprocess.Popen[str]]:
    """A command that goes on until the end of the block."""
    process = subprocess.Popen(
        [str(installed.program), *map(str, words)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=installed.folder,
        env=installed.variables,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def read_until(stream: IO[str] | None, text: str) -> None:
    assert stream is not None
    for line in stream:
        if text in line:
            return
    raise AssertionError(f"it ended without saying: {text}")


@pytest.fixture(scope="module")
def flashed(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder after one virtual camera was run with a release that was imported; all by the wheel."""
    data, release, bench = (tmp_path_factory.mktemp(name) for name in ("data", "release", "bench"))
    make_demo_release(release, hp_bytes=65_536, he_bytes=65_536, romfs0_bytes=65_536, romfs1_bytes=4096)
    imported = installed.run("bundle", "import", release, "--json", "--data-dir", data)
    assert imported.returncode == 0, imported.stderr
    spec = bench / "cameras.json"
    # A power-up that its application asked for has no window: nothing hangs on how fast this machine is.
    spec.write_text(json.dumps([{"serial": SERIAL, "port_path": "1-1.1", "forced": True}]))
    bundle = json.loads(imported.stdout)["bundle"]
    with running(installed, "sim", "serve", bench, "--spec", spec) as served:
        read_until(served.stdout, "ready")
        options = ("--headless", "--json", "--stop-after", 1, "--batch", "W1", "--bundle", bundle, "--data-dir", data)
        done = installed.run("run", "--sim", bench, *options)
        assert done.returncode == 0, done.stderr
        (run,) = map(json.loads, done.stdout.splitlines())
        assert (run["serial"], run["outcome"], run["batch"]) == (SERIAL, "PASS", "W1")
        asked = {"do": "memory", "port_path": "1-1.1", "partition": "HP", "length": 65_536}
        told = installed.run("sim", "tell", bench, json.dumps(asked))
        firmware = (release / "firmware_M55_HP.bin").read_bytes()
        assert json.loads(told.stdout)["sha256"] == hashlib.sha256(firmware).hexdigest()
    return data


def test_a_run_is_in_its_log_and_in_every_report(installed: Installed, flashed: Path, tmp_path: Path) -> None:
    page = tmp_path / "yield.html"
    made = installed.run("report", "--batch", "W1", "--format", "html", "--output", page, "--data-dir", flashed)
    assert made.returncode == 0, made.stderr
    assert 'data-figure="final_yield"' in page.read_text(encoding="utf-8")
    unit = installed.run("unit", SERIAL, "--data-dir", flashed)
    assert "PASS" in unit.stdout
    exported = installed.run("export", "--data-dir", flashed)
    assert json.loads(exported.stdout)["attempts"][0]["images"][0]["partition"] == "HP"


def test_a_log_is_made_and_checked(installed: Installed, tmp_path: Path) -> None:
    for word in ("upgrade", "check"):
        done = installed.run("db", word, "--data-dir", tmp_path)
        assert done.returncode == 0, done.stderr


def test_the_doctor_offers_the_rule_that_came_with_it(installed: Installed, tmp_path: Path) -> None:
    done = installed.run("doctor", "--json", "--data-dir", tmp_path)
    assert "Traceback" not in done.stderr
    checks = {check["check"]: check for check in json.loads(done.stdout)["checks"]}
    assert checks["configuration"]["ok"]
    assert checks["libusb"]["ok"]
    assert str(ROOT) not in done.stdout
    rule = checks["udev rule"]
    assert rule["ok"] or "station/_udev/70-openmv-ae3.rules" in rule["fix"]


def test_the_demo_comes_up_and_ends_on_an_interrupt(installed: Installed) -> None:
    with running(installed, "demo", "--headless", "--cameras", 1) as demo:
        read_until(demo.stderr, "ready for cameras")
        for _ in range(2):
            demo.send_signal(signal.SIGINT)
        assert demo.wait(120) in (1, 130)


@pytest.mark.parametrize("language", ["zh_CN", "es"])
def test_every_language_is_with_it(installed: Installed, language: str) -> None:
    statement = (
        "import gettext, station; from pathlib import Path; "
        f"place = Path(station.__file__).parent / 'dashboard/locale'; "
        f"print(len(gettext.translation('dashboard', place, ['{language}'])._catalog))"
    )
    assert int(installed.python(statement)) > 100
