"""A bench that qualifies itself: the real command on virtual cameras, a bad cable among them, and an odd camera."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from pathlib import Path
from typing import Any

from station.sim.application_spec import ApplicationSpec
from station.sim.faults import Fault
from tests.harness import QUICK_BOOT, Bench, spawn, station
from tests.integration.conftest import MakeBench, camera, serial

LIMIT_S = 240.0
QUICK = {"STATION_RUN__RETURN_WINDOW_S": "2"}


def qualified(bench: Bench, *words: str | Path, **environment: str) -> tuple[int, str, list[str]]:
    """The whole command, cameras plugged in once it is ready: exit code, what it printed, what it said."""
    given = ["qualify", "--bundle", bench.release, *bench.words, *words]
    process = spawn([str(word) for word in given], {**os.environ, **QUICK_BOOT, **QUICK, **environment})
    assert isinstance(process, subprocess.Popen)
    assert process.stderr
    said = []
    for line in iter(process.stderr.readline, ""):
        said.append(line)
        if "ready" in line:
            break
    bench.line.plug_all()
    printed, rest = process.communicate(timeout=LIMIT_S)
    return process.returncode, printed, said + rest.splitlines()


def slot_of(report: dict[str, Any], name: str) -> dict[str, Any]:
    """A slot of the report."""
    (found,) = [slot for slot in report["slots"] if slot["slot"] == name]
    assert isinstance(found, dict)
    return found


def test_the_report_names_the_bad_cable_and_the_beliefs_that_differ(make_bench: MakeBench, tmp_path: Path) -> None:
    cable = (
        Fault("vanish_and_return", "DNLOAD", alt=6, block=40, after_s=0.3, times=1),
        Fault("stall", "DNLOAD", alt=6, block=60, times=1, skip=1),
        Fault("vanish_and_return", "UPLOAD", alt=6, block=30, after_s=0.3, times=1),
    )
    odd = ApplicationSpec(sensor_id=0x2642)
    bench = make_bench(
        [
            camera(1, profile="mram", scale=0.4),
            camera(2, profile="mram", scale=4.0, faults=cable),
            camera(3, profile="mram", scale=0.4, application_serial="reversed", application=odd, boot_s=6.0),
            camera(4, profile="mram", scale=0.4),
        ]
    )
    page, config = tmp_path / "bench.html", tmp_path / "station.toml"
    config.write_text("# ours\n[run]\nboot_timeout_s = 60 # long\n")
    words = ("--cycles", "3", "--json", "--output", page, "--accept", "--config", config)
    code, printed, said = qualified(bench, *words)
    report = json.loads(printed)

    assert [slot["slot"] for slot in report["slots"]] == ["1-1.1", "1-1.2", "1-1.3", "1-1.4"]
    assert {slot["slot"]: (slot["runs"], slot["gave_up"]) for slot in report["slots"]} == {
        f"1-1.{number}": (3, None) for number in range(1, 5)
    }, said
    bad = slot_of(report, "1-1.2")
    assert bad["returns"] == 2
    assert "usb.disconnected" in {failure["code"] for failure in bad["failures"]}
    assert any(text.startswith("1-1.2") and "came back 2 times" in text for text in report["complaints"])
    assert any(text.startswith("1-1.2 writes") for text in report["complaints"]), report["complaints"]
    blamed = [text for text in report["complaints"] if text.startswith(("1-1.1", "1-1.4"))]
    assert blamed == [], "on a busy machine, too, the slow slot is slower than the others by far"

    differing = {belief["key"]: belief for belief in report["beliefs"] if belief["verdict"] == "differs"}
    assert set(differing) == {"application_serial", "sensor", "boot_time"}
    for belief in differing.values():
        assert "(1-1.3)" in belief["result"]
        assert belief["result"].startswith("differs: found ")
        assert [slot["slot"] for slot in belief["slots"] if not slot["as_expected"]] == ["1-1.3"]
    assert "0x2642" in differing["sensor"]["result"]
    assert "reversed" in differing["application_serial"]["result"]
    unseen = {belief["key"] for belief in report["beliefs"] if belief["verdict"] == "not seen"}
    assert unseen <= {"window"}, "every other one was answered"
    sound = slot_of(report, "1-1.1")
    for figure in ("hold_s", "boot_s", "write_mib_per_s", "read_mib_per_s", "entered_s"):
        assert sound[figure]["count"] >= 2, figure

    text = page.read_text(encoding="utf-8")
    assert "1-1.2: the camera left the bus and came back 2 times" in text
    assert 'data-belief="sensor" data-value="differs"' in text
    assert "http" not in text.replace("http-equiv", ""), "nothing is loaded from anywhere"

    taught = tomllib.loads(config.read_text())
    assert taught["run"]["boot_timeout_s"] == 30.0
    assert taught["run"]["serial_forms"] == ["reversed", "alif_eui"]
    assert taught["test"]["sensor_ids"] == [0x7936, 0x2642]
    assert config.read_text().startswith("# ours\n[run]\nboot_timeout_s = 30.0 # long\n")
    assert any("run.serial_forms" in line and "was" in line for line in said)

    runs = bench.export()
    assert {run["purpose"] for run in runs} == {"engineering"}
    yields = json.loads(station("report", "--data-dir", bench.data_dir, "--format", "json").stdout)
    assert yields["units_started"] == 0, "no run of a qualification is in the yield"
    assert code == (0 if all(run["outcome"] == "PASS" for run in runs) else 1)


def test_a_slot_whose_camera_is_gone_gives_up_and_the_others_go_on(make_bench: MakeBench) -> None:
    mute = ApplicationSpec(answers="none")
    bench = make_bench([camera(1), camera(2, application=mute)])
    quick = {"STATION_TEST__ANSWER_S": "0.5", "STATION_RUN__BOOTLOADER_TIMEOUT_S": "2"}
    code, printed, said = qualified(bench, "--cycles", "2", "--json", **quick)
    report = json.loads(printed)
    assert (slot_of(report, "1-1.1")["runs"], slot_of(report, "1-1.1")["gave_up"]) == (2, None)
    gave_up = slot_of(report, "1-1.2")
    assert (gave_up["runs"], gave_up["not_entered"]) == (1, 2)
    assert gave_up["gave_up"] == "the camera did not come into its bootloader"
    assert (code, report["qualified"]) == (1, False)
    assert any(belief["key"] == "protocol" and "1-1.2" in belief["result"] for belief in report["beliefs"])
    assert any("gives up" in line for line in said)


def test_only_the_slots_that_are_named(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1), camera(2)])
    code, printed, said = qualified(bench, "--cycles", "1", "--slot", "1-1.2", "--json")
    report = json.loads(printed)
    assert [(slot["slot"], slot["serials"]) for slot in report["slots"]] == [("1-1.2", [serial(2)])]
    assert (code, report["qualified"]) == (0, True), said
    assert bench.blocks_written(serial(1)) == 0


def test_what_could_not_end_well_is_refused_before_any_camera_runs(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench([camera(1)])
    words = ("qualify", "--cycles", "1", "--bundle", bench.release, *bench.words)
    for output in (tmp_path / "no" / "bench.html", tmp_path / "folder.json"):
        (tmp_path / "folder.json").mkdir(exist_ok=True)
        refused = station(*words, "--output", output)
        assert (refused.returncode, refused.stderr.split(":")[0]) == (2, "usage.output"), refused.stderr
    for command in (words, ("verify-slots", "--bundle", bench.release, *bench.words)):
        refused = station(*command, "--slot", "Z9")
        assert (refused.returncode, refused.stderr.split(":")[0]) == (2, "usage.unknown_slot"), refused.stderr
    assert bench.blocks_written(serial(1)) == 0
