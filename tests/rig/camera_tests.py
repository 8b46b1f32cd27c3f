"""The tests of running cameras through the kernel's own serial ports: sixteen sound ones, and bad ones among them."""

from __future__ import annotations

from station.sim.application_spec import ApplicationSpec
from station.sim.spec import CameraSpec
from tests.rig.workbench import PORTS, Workbench, collect, install_rule, percentile

REQUIRED = {f"STATION_TEST__{name}": "required" for name in ("VERSION", "SENSOR", "PICTURE", "FILES", "HE", "STAYS")}
LIMITS = {
    "STATION_TEST__STAYS_S": "5.0",
    "STATION_TEST__ANSWER_S": "15",
    "STATION_TEST__LIMIT_S": "40",
    "STATION_LINE__SAME_FAILURES_IN_A_ROW": "0",
}
"""The cameras share one slow processor with the station: their answers take as long as that is busy."""
NOTED = {"version", "sensor_id"}
BAD = {
    "test.sensor": ApplicationSpec(sensor_id=0),
    "test.he": ApplicationSpec(he_answers=False),
    "test.files": ApplicationSpec(rom_files={"version.txt": 1}),
    "test.no_answer": ApplicationSpec(answers="none"),
    "test.unstable": ApplicationSpec(watchdog_s=4.0),
}


def camera_tests(bench: Workbench) -> None:
    """Everything is required of all of them."""
    install_rule(installed=True)
    numbers = range(PORTS)
    with bench.case("sixteen_cameras_pass_with_all_tests_required") as facts:
        bench.put(*(bench.camera(number) for number in numbers))
        with bench.station(data_dir=None, start=None, **REQUIRED, **LIMITS) as running:
            bench.plug(*numbers)
            runs = collect(running, PORTS)
            running.interrupt()
            running.end()
        for path in bench.paths:
            assert path in runs, f"{path} had no run"
            bench.prove(runs[path][0])
            measured = {one["name"]: one["passed"] for one in runs[path][0]["attempts"][-1]["measurements"]}
            expected = ("version", "sensor_id", "picture_mean", "rom_files", "he_answer_s", "stays_s")
            assert all(measured[name] for name in expected), measured
        facts["run_s"] = percentile([run[0]["duration_s"] for run in runs.values()], 0.5)
    with bench.case("bad_cameras_fail_by_their_own_test_and_their_neighbours_pass"):
        codes: dict[int, str | None] = dict.fromkeys(numbers)
        codes |= {3 * place + 1: code for place, code in enumerate(BAD)}
        bench.put(*(_camera(bench, number, code) for number, code in codes.items()))
        with bench.station(data_dir=None, start=None, **REQUIRED, **LIMITS) as running:
            bench.plug(*numbers)
            runs = collect(running, PORTS)
            running.interrupt()
            running.end()
        found = {number: runs[bench.paths[number]][0]["code"] for number in numbers}
        assert found == codes, found
        for path, made in runs.items():
            assert len(made[0]["attempts"]) == 1, f"{path} was flashed again for a test"
    with bench.case("noted_tests_are_measured_and_those_that_are_off_are_not") as facts:
        for setting in ("note", "off"):
            bench.put(*(bench.camera(number) for number in range(8)))
            with bench.station(STATION_TEST__VERSION=setting, STATION_TEST__SENSOR=setting) as running:
                bench.plug(*range(8))
                runs = collect(running, 8)
                running.interrupt()
                running.end()
            assert len(runs) == 8
            for made in runs.values():
                bench.prove(made[0])
                noted = {one["name"] for one in made[0]["attempts"][-1]["measurements"]}
                assert noted & NOTED == (NOTED if setting == "note" else set()), noted
            facts[f"{setting}_s"] = percentile([made[0]["duration_s"] for made in runs.values()], 0.5)
    bench.clear()
    install_rule(installed=False)


def _camera(bench: Workbench, number: int, code: str | None) -> CameraSpec:
    return bench.camera(number) if code is None else bench.camera(number, application=BAD[code])
