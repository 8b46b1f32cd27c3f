"""What a camera is asked once its application runs: through the real command, on cameras that answer otherwise."""

from __future__ import annotations

import json
from typing import Any

import pytest

from station.sim.application_spec import ApplicationSpec, KnownScript
from station.sim.faults import Fault
from station.sim.spec import CameraSpec
from tests.harness import Bench, station
from tests.integration.conftest import MakeBench, camera

ALL = ("VERSION", "SENSOR", "PICTURE", "FILES", "HE", "STAYS")
REQUIRED = {f"STATION_TEST__{name}": "required" for name in ALL} | {
    "STATION_TEST__STAYS_S": "1.5",
    "STATION_TEST__ANSWER_S": "1.0",
    "STATION_LINE__SAME_FAILURES_IN_A_ROW": "0",
}
BAD = {
    "test.sensor": ApplicationSpec(sensor_id=0),
    "test.he": ApplicationSpec(he_answers=False),
    "test.files": ApplicationSpec(rom_files={"version.txt": 1}),
    "test.version": ApplicationSpec(label="OpenMV v1; MicroPython v1"),
    "test.no_answer": ApplicationSpec(answers="none"),
    "test.unstable": ApplicationSpec(watchdog_s=1.0),
    "test.picture": ApplicationSpec(scripts=(KnownScript("p.get_statistics()", "320 240 0.0 0 0 ramp\n"),)),
    "test.script_failed": ApplicationSpec(scripts=(KnownScript("p.get_statistics()", raises="RuntimeError: no"),)),
}


def bad_beside_sound() -> list[CameraSpec]:
    """The bad ones, and between them as many that are sound."""
    specs = []
    for number, application in enumerate(BAD.values()):
        specs += [camera(2 * number + 1, application=application), camera(2 * number + 2)]
    return specs


def named(run: dict[str, Any], name: str) -> dict[str, Any]:
    """A measurement of a run's last attempt."""
    (found,) = [one for one in run["attempts"][-1]["measurements"] if one["name"] == name]
    assert isinstance(found, dict)
    return found


def ran(bench: Bench, count: int, environment: dict[str, str] | None = None, *words: str) -> dict[str, dict[str, Any]]:
    """The first run in each slot."""
    with bench.station(*words, environment=environment) as running:
        runs: dict[str, dict[str, Any]] = {}
        while len(runs) < count:
            run = running.run()
            runs.setdefault(run["port_path"], run)
        running.interrupt()
    return runs


def test_each_bad_camera_fails_with_its_own_code_and_its_neighbours_pass(make_bench: MakeBench) -> None:
    bench = make_bench(bad_beside_sound())
    runs = ran(bench, 2 * len(BAD), REQUIRED)
    codes = {path: run["code"] for path, run in runs.items()}
    expected: dict[str, str | None] = {f"1-1.{2 * number + 1}": code for number, code in enumerate(BAD)}
    expected |= {f"1-1.{2 * number + 2}": None for number in range(len(BAD))}
    assert codes == expected
    for path, run in runs.items():
        assert run["outcome"] == ("PASS" if codes[path] is None else "FAIL")
        assert [attempt["phase"] for attempt in run["attempts"]] == ["test"], "nothing is flashed again for a test"
        assert all(image["readback_sha256"] == image["sha256"] for image in run["attempts"][0]["images"])
    sound = runs["1-1.2"]
    assert [one["name"] for one in sound["attempts"][0]["measurements"] if one["passed"]] == [
        "version",
        "bootloader_version",
        "sensor_id",
        "picture_pixels",
        "picture_mean",
        "picture_contrast",
        "rom_files",
        "rom_files_wrong",
        "he_answer_s",
        "stays_s",
    ]
    assert sound["notes"] == []


def test_what_nobody_requires_decides_nothing_and_is_recorded(make_bench: MakeBench) -> None:
    bench = make_bench(bad_beside_sound())
    runs = ran(bench, 2 * len(BAD))
    assert {run["outcome"] for run in runs.values()} == {"PASS"}
    by_code = {code: runs[f"1-1.{2 * number + 1}"] for number, code in enumerate(BAD)}
    assert named(by_code["test.sensor"], "sensor_id") == {
        "name": "sensor_id",
        "value": 0,
        "unit": None,
        "low": None,
        "high": None,
        "passed": False,
    }
    for code in ("test.sensor", "test.version", "test.no_answer"):
        assert any(code in note for note in by_code[code]["notes"])
    mute = by_code["test.no_answer"]["attempts"][0]["measurements"]
    assert [(one["name"], one["value"], one["passed"]) for one in mute] == [
        ("version", None, None),
        ("sensor_id", None, None),
    ]
    exported = {run["run_id"]: run for run in bench.export()}
    assert all(exported[run["run_id"]] == run for run in runs.values())


def test_the_report_and_the_units_story_tell_what_was_measured(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1), camera(2, application=ApplicationSpec(sensor_id=0))])
    runs = ran(bench, 2, {"STATION_RUN__BATCH": "L"})
    told = json.loads(station("report", "--batch", "L", "--format", "json", "--data-dir", bench.data_dir).stdout)
    of_sensor = [one for one in told["measurements"] if one["name"] == "sensor_id"]
    assert [(one["slot"], one["measured"], one["failed"], one["mean"]) for one in of_sensor] == [
        ("1-1.1", 1, 0, 0x7936),
        ("1-1.2", 1, 1, 0),
    ]
    for form in ("text", "html", "csv"):
        assert "sensor_id" in station("report", "--batch", "L", "--format", form, "--data-dir", bench.data_dir).stdout
    story = station("unit", runs["1-1.2"]["serial"], "--data-dir", bench.data_dir).stdout
    assert "sensor_id 0 NOT PASSED" in story


@pytest.mark.parametrize(("recipe", "name"), [("HE", "version"), ("HP", "rom_files")])
def test_what_a_recipe_does_not_flash_is_compared_with_nothing(
    make_bench: MakeBench, recipe: str, name: str, release: Any
) -> None:
    bench = make_bench([camera(1, release=str(release), application=ApplicationSpec("all", label="x", rom_files={}))])
    steps = json.dumps([recipe, "test-version" if name == "version" else "test-files"])
    environment = REQUIRED | {"STATION_RECIPES__mine": steps}
    (run,) = ran(bench, 1, environment, "--recipe", "mine").values()
    assert run["outcome"] == "PASS"
    assert named(run, name)["passed"] is None


def test_a_camera_pulled_out_during_a_required_test_is_the_operators(make_bench: MakeBench) -> None:
    silent = Fault.from_json({"do": "silence", "at": {"request": "SCRIPT"}})
    bench = make_bench([camera(1, faults=(silent,))])
    with bench.station(environment=REQUIRED | {"STATION_TEST__LIMIT_S": "60"}) as running:
        bench.line.wait_until("1-1.1", lambda state: state["faults_struck"])
        bench.line.unplug("1-1.1")
        run = running.run()
        running.interrupt()
    assert (run["outcome"], run["code"]) == ("ABORTED", "operator.unplugged")


def running_cameras(make_bench: MakeBench, release: Any, *applications: ApplicationSpec) -> Bench:
    """Cameras that run their application, and nobody at work."""
    specs = [
        camera(number, release=str(release), application=each) for number, each in enumerate(applications, start=1)
    ]
    bench = make_bench(specs)
    bench.line.plug_all()
    for spec in specs:
        bench.line.wait_until(spec.port_path, lambda state: state["tty"] is not None)
    return bench


def test_station_test_asks_running_cameras_and_records_it(make_bench: MakeBench, release: Any) -> None:
    bench = running_cameras(make_bench, release, ApplicationSpec(), ApplicationSpec(sensor_id=0), BAD["test.no_answer"])
    before = [bench.blocks_written(spec.port_path) for spec in bench.line.specs]
    done = station("test", "--all", "--json", "--bundle", release, *bench.words, limit_s=60.0, **REQUIRED)
    runs = {run["port_path"]: run for run in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 1
    assert {path: run["code"] for path, run in runs.items()} == {
        "1-1.1": None,
        "1-1.2": "test.sensor",
        "1-1.3": "test.no_answer",
    }
    assert {(run["recipe"], run["purpose"], run["identified"]) for run in runs.values()} == {
        ("test", "engineering", False)
    }
    assert named(runs["1-1.1"], "version")["passed"] is True
    assert [bench.blocks_written(spec.port_path) for spec in bench.line.specs] == before
    assert {run["run_id"]: run for run in bench.export()} == {run["run_id"]: run for run in runs.values()}


def test_station_test_wants_to_know_which_camera_is_meant(make_bench: MakeBench, release: Any) -> None:
    bench = running_cameras(make_bench, release, ApplicationSpec(), ApplicationSpec(sensor_id=0))
    assert station("test", *bench.words).returncode == 2
    one = station("test", "--port", "1-1.2", *bench.words, STATION_TEST__SENSOR="required")
    assert (one.returncode, one.stdout.split()[:2]) == (1, ["FAIL", "1-1.2"])
    none = station("test", "--serial", "no such", *bench.words)
    assert none.returncode == 1
    assert "no camera was tested" in none.stderr


def test_a_camera_that_answers_nothing_is_no_pass_of_station_test(make_bench: MakeBench, release: Any) -> None:
    bench = running_cameras(make_bench, release, BAD["test.no_answer"])
    done = station("test", *bench.words, STATION_TEST__ANSWER_S="0.5")
    assert done.returncode == 1
    assert "test.no_answer" in done.stdout


def test_a_test_alone_leaves_the_unit_as_it_was(make_bench: MakeBench) -> None:
    """The line still knows that it passed; and it is found by the serial that its application showed then."""
    bench = make_bench([camera(1)])
    (run,) = ran(bench, 1, {"STATION_RUN__BATCH": "L"}).values()
    bench.line.wait_until("1-1.1", lambda state: state["tty"] is not None)
    done = station("test", "--serial", run["serial"], "--json", *bench.words)
    tested = json.loads(done.stdout)
    assert (tested["serial"], tested["identified"]) == (run["serial"], True)
    with bench.station("--batch", "L", plug=False) as running:
        bench.line.replug("1-1.1")
        again = running.run()
        running.interrupt()
    assert again["code"] == "unit.already_passed"
    failed = station("failed", "--batch", "L", "--data-dir", bench.data_dir).stdout
    assert "none to run again" in failed
