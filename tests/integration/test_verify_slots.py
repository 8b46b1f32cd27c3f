"""The start of a shift: the reference camera in each slot, a wrong expectation refused, and production that waits."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from station.sim.faults import Fault
from station.sim.spec import CameraSpec
from tests.harness import QUICK_BOOT, Bench, spawn, station
from tests.integration.conftest import MakeBench, camera, serial

LIMIT_S = 120.0
REQUIRED = {"STATION_VERIFICATION__REQUIRE_VERIFICATION": "true"}


def verified(bench: Bench, *words: str | Path, **environment: str) -> tuple[int, dict[str, Any]]:
    """The whole command; the cameras are plugged in once it is ready."""
    given = ["verify-slots", "--json", "--bundle", bench.release, *bench.words, *words]
    process = spawn([str(word) for word in given], {**os.environ, **QUICK_BOOT, **environment})
    assert isinstance(process, subprocess.Popen)
    assert process.stderr
    for line in iter(process.stderr.readline, ""):
        if "ready" in line:
            break
    bench.line.plug_all()
    printed, _ = process.communicate(timeout=LIMIT_S)
    return process.returncode, json.loads(printed)


@pytest.fixture
def reference(release: Path) -> CameraSpec:
    """A camera that holds the release."""
    return camera(1, release=str(release))


def production(bench: Bench, **environment: str) -> subprocess.CompletedProcess[str]:
    """A production line that would end after one run; nothing is plugged in for it, so it must be refused."""
    words = ("run", "--headless", "--json", "--bundle", bench.release, *bench.words)
    return station(*words, limit_s=60.0, **environment)


def test_a_slot_is_verified_and_nothing_is_written(make_bench: MakeBench, reference: CameraSpec) -> None:
    bench = make_bench([reference, camera(2, release=reference.release)])
    refused = production(bench, **REQUIRED)
    assert (refused.returncode, refused.stderr.split(":")[0]) == (2, "line.not_verified")

    code, found = verified(bench)
    assert (code, found["verified"]) == (0, True), found
    for slot in found["slots"]:
        assert [(run["outcome"], run["code"]) for run in slot["runs"]] == [("FAIL", "verify.mismatch"), ("PASS", None)]
    assert bench.blocks_written(serial(1)) + bench.blocks_written(serial(2)) == 0
    runs = bench.export()
    assert {(run["purpose"], run["recipe"]) for run in runs} == {("verification", "verify-slots")}
    passed = [run for run in runs if run["outcome"] == "PASS"]
    assert len(passed) == 2
    for run in passed:
        (attempt,) = run["attempts"]
        assert [image["blocks_written"] for image in attempt["images"]] == [0, 0, 0, 0]
        assert all(image["readback_sha256"] == image["sha256"] for image in attempt["images"])
        assert any(one["name"] == "sensor_id" for one in attempt["measurements"]), "it was tested"
    yields = json.loads(station("report", "--data-dir", bench.data_dir, "--format", "json").stdout)
    assert yields["units_started"] == 0

    with bench.station("--stop-after", "2", plug=False, environment=REQUIRED):
        pass  # it came up: the slots are verified
    expired = production(bench, **REQUIRED, STATION_VERIFICATION__VALID_H="0.000001")
    assert (expired.returncode, expired.stderr.split(":")[0]) == (2, "line.not_verified")


def test_a_slot_whose_camera_is_not_what_it_should_be_is_not_verified(
    make_bench: MakeBench, reference: CameraSpec, newer_release: Path
) -> None:
    stalls = Fault("stall", "UPLOAD", alt=1, block=3, times=None)
    bench = make_bench(
        [reference, camera(2, release=str(newer_release)), camera(3, release=reference.release, faults=(stalls,))]
    )
    code, found = verified(bench)
    assert (code, found["verified"]) == (1, False)
    why = {slot["slot"]: slot["why"] for slot in found["slots"]}
    assert why["1-1.1"] is None
    assert why["1-1.2"].startswith("the reference camera did not pass: FAIL verify.mismatch")
    assert why["1-1.3"].startswith(
        "the wrong expectation was not refused with verify.mismatch, it ended FAIL usb.stall"
    )


def test_every_configured_slot_is_due(make_bench: MakeBench, reference: CameraSpec, tmp_path: Path) -> None:
    config = tmp_path / "station.toml"
    config.write_text('[slots]\nA1 = "1-1.1"\nA2 = "1-1.2"\n[verification]\nrequire_verification = true\n')
    bench = make_bench([reference])
    code, found = verified(bench, "--config", config, "--wait", "5")
    assert (code, found["verified"]) == (1, False)
    assert {slot["slot"]: slot["why"] for slot in found["slots"]} == {"A1": None, "A2": "no camera came"}
    words = ("run", "--headless", "--json", "--bundle", bench.release, *bench.words, "--config", config)
    refused = station(*words)
    assert refused.returncode == 2
    assert "A2" in refused.stderr
    assert "A1" not in refused.stderr
