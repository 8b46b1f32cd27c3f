"""What a line does with sound cameras: the bytes in the camera, the row in the log."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.harness import FILES, station, wait_for
from tests.integration.conftest import MakeBench, camera, serial


def test_every_camera_is_flashed_proven_and_logged(make_bench: MakeBench) -> None:
    bench = make_bench([camera(number) for number in range(1, 5)])
    with bench.station("--stop-after", "4", "--batch", "L1", "--operator", "ann") as running:
        runs = running.runs(4)
        assert running.end() == 0
    assert {run["serial"] for run in runs} == {serial(number) for number in range(1, 5)}
    for run in runs:
        assert (run["outcome"], run["code"], run["batch"], run["operator"]) == ("PASS", None, "L1", "ann")
        assert run["bootloader"] == "1.0.3"
        assert run["boot_confirmed"]
        images = run["attempts"][0]["images"]
        assert [image["alt"] for image in images] == [1, 2, 3, 6]
        for image in images:
            content = (bench.release / FILES[image["partition"]]).read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            assert image["sha256"] == image["readback_sha256"] == digest
            assert image["blocks_written"] == image["blocks_total"] == -(-len(content) // 4096)
        assert bench.memory_is_release(run["serial"])
    logged = bench.export()
    assert sorted(logged, key=lambda run: run["run_id"]) == sorted(runs, key=lambda run: run["run_id"])


def test_a_camera_that_passed_is_left_alone(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1)])
    with bench.station("--stop-after", "2") as running:
        assert running.run()["outcome"] == "PASS"
        written = bench.blocks_written(serial(1))
        bench.line.unplug(serial(1))
        bench.line.plug(serial(1))
        skipped = running.run()
        assert running.end() == 0
    assert (skipped["outcome"], skipped["code"], skipped["attempts"]) == ("SKIPPED", "unit.already_passed", [])
    assert bench.blocks_written(serial(1)) == written, "it was written"
    wait_for(lambda: bench.line.state(serial(1))["phase"] == "application", "its application")


def test_reflash_writes_nothing_that_is_there(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1)])
    with bench.station("--stop-after", "2", STATION_RUN__ALREADY_PASSED="reflash") as running:
        assert running.run()["outcome"] == "PASS"
        bench.line.unplug(serial(1))
        bench.line.plug(serial(1))
        again = running.run()
        assert running.end() == 0
    assert again["outcome"] == "PASS"
    assert [image["blocks_written"] for image in again["attempts"][0]["images"]] == [0, 0, 0, 0]
    assert [image["sha256"] == image["readback_sha256"] for image in again["attempts"][0]["images"]] == [True] * 4


def test_another_release_is_written_over(make_bench: MakeBench, newer_release: Path) -> None:
    bench = make_bench([camera(1)])
    with bench.station("--stop-after", "1") as running:
        assert running.run()["outcome"] == "PASS"
        assert running.end() == 0
    bench.line.unplug(serial(1))
    bench.release = newer_release
    with bench.station("--stop-after", "1") as running:
        assert running.run()["outcome"] == "PASS"
        assert running.end() == 0
    assert bench.memory_is_release(serial(1))


@pytest.mark.parametrize("recipe", ["hp", "he", "romfs0", "romfs1"])
def test_a_recipe_writes_its_images_and_no_other(make_bench: MakeBench, recipe: str) -> None:
    bench = make_bench([camera(1, release=str(_release(make_bench)))])
    with bench.station("--stop-after", "1", "--recipe", recipe, STATION_RUN__WRITE="all") as running:
        run = running.run()
        assert running.end() == 0
    assert run["outcome"] == "PASS"
    assert [image["partition"] for image in run["attempts"][0]["images"]] == [recipe.upper()]
    assert bench.memory_is_release(serial(1))


def _release(make_bench: MakeBench) -> Path:
    return make_bench([]).release


def test_erase_filesystem_writes_zeros_to_the_start_of_rwfs(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1, release=str(_release(make_bench)))])
    with bench.station("--stop-after", "1", "--recipe", "erase-filesystem") as running:
        run = running.run()
        assert running.end() == 0
    assert run["outcome"] == "PASS"
    assert bench.line.memory_sha256(serial(1), "RWFS", 4096) == hashlib.sha256(bytes(4096)).hexdigest()


def test_the_filesystem_is_erased_after_an_initialization_that_always_comes(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    """The initialization erases the whole chip: done between the two, it would undo the first."""
    config = tmp_path / "station.toml"
    config.write_text('[run]\nmram = "always"\nrecipe = "mine"\n[recipes]\nmine = ["erase-filesystem", "ROMFS0"]\n')
    bench = make_bench([camera(1, release=str(_release(make_bench)))])
    with bench.station("--stop-after", "1", "--config", config) as running:
        run = running.run()
        assert running.end() == 0
    assert [(attempt["outcome"], attempt["mram_initialized"]) for attempt in run["attempts"]] == [("PASS", True)]


def test_proof_can_be_turned_off(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1)])
    with bench.station("--stop-after", "1", STATION_RUN__VERIFY="false", STATION_RUN__CONFIRM_BOOT="off") as running:
        run = running.run()
        assert running.end() == 0
    assert (run["outcome"], run["verified"], run["boot_confirmed"]) == ("PASS", False, False)
    assert {image["readback_sha256"] for image in run["attempts"][0]["images"]} == {None}
    assert bench.memory_is_release(serial(1))


def test_a_camera_off_the_slots_is_left_alone(make_bench: MakeBench, tmp_path: Path) -> None:
    config = tmp_path / "station.toml"
    config.write_text('[slots]\nA1 = "1-1.1"\n')
    bench = make_bench([camera(1), camera(2)])
    with bench.station("--stop-after", "1", "--config", config) as running:
        run = running.run()
        assert running.end() == 0
        assert running.rest == []
    assert (run["outcome"], run["slot"], run["port_path"]) == ("PASS", "A1", "1-1.1")
    assert not bench.held(serial(2))


def test_flash_takes_what_is_plugged_in(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1, forced=True), camera(2, forced=True)])
    bench.line.plug_all()
    which = station("flash", bench.release, *bench.words, "--json")
    assert which.returncode == 2
    assert serial(1) in which.stderr
    one = station("flash", bench.release, *bench.words, "--json", "--serial", serial(2).lower())
    assert (one.returncode, one.stderr.count("Traceback")) == (0, 0), one.stderr
    assert serial(2) in one.stdout
    assert serial(1) not in one.stdout
    assert json.loads(one.stdout)["purpose"] == "engineering"
    both = station("flash", bench.release, *bench.words, "--json", "--all", "--purpose", "rework")
    assert both.returncode == 0, both.stderr
    assert {json.loads(line)["purpose"] for line in both.stdout.splitlines()} == {"rework"}
    assert bench.memory_is_release(serial(1))
    assert bench.memory_is_release(serial(2))


def test_flash_without_a_camera_says_so(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1)])
    done = station("flash", bench.release, *bench.words)
    assert done.returncode == 1
    assert "no camera was flashed" in done.stderr


def test_flash_without_a_camera_and_without_a_log_says_that_the_log_is_broken(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1)])
    bench.data_dir.mkdir()
    (bench.data_dir / "station.sqlite3").write_bytes(b"no log" * 1000)
    done = station("flash", bench.release, *bench.words)
    assert done.returncode == 4, done.stderr
    assert "ledger.corrupt" in done.stderr
