"""What nobody has seen proven of a real camera decides nothing: cameras that differ in it pass, with a note."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from station.board.serial_rule import eui_extension
from station.sim.faults import Fault
from station.sim.spec import CameraSpec
from station.sim.virtual_line import ControlClient
from tests.harness import wait_for
from tests.integration.conftest import MakeBench, camera, serial

BOOTLOADERS = ("1.0.3", "1.0.4", "1.1.0", "1.0.0")
"""The last one says 0x0200 in bcdDevice and has no header."""
UPLOAD_5 = {"request": "UPLOAD", "alt": 5}
UPLOAD_6 = {"request": "UPLOAD", "alt": 6}
REUSED = (
    "identity.serial_reused: the log says that it passed, its memory says otherwise: another camera with this serial, "
    "or flashed elsewhere"
)


def faults(*raw: dict[str, Any]) -> tuple[Fault, ...]:
    return tuple(Fault.from_json(one) for one in raw)


def application_serial(form: str, of: str) -> str:
    chip = bytes.fromhex(of)
    forms = {
        "eui": eui_extension(chip).hex(),
        "unknown": "f00d0000deadbeef",
        "none": "",
        "reversed": chip[::-1].hex().upper(),
        "same": of,
    }
    return forms[form]


def twelve() -> list[CameraSpec]:
    forms = ("eui", "unknown", "none", "reversed", "same", "eui", "unknown", "none", "eui", "reversed", "same", "eui")
    return [
        camera(
            number,
            bootloader=BOOTLOADERS[number % 4],
            faults=faults({"do": "app_serial", "serial": application_serial(form, serial(number))}),
        )
        for number, form in enumerate(forms, start=1)
    ]


def only_run(
    make_bench: MakeBench, *stated: dict[str, Any], environment: dict[str, str] | None = None, **more: Any
) -> Any:
    """One camera with these faults, run once: its run, and the bench."""
    bench = make_bench([camera(1, faults=faults(*stated), **more)])
    with bench.station("--stop-after", "1", environment=environment) as running:
        run = running.run()
        running.end()
    return run, bench


def test_twelve_cameras_of_every_form_and_bootloader_pass(make_bench: MakeBench) -> None:
    bench = make_bench(twelve())
    with bench.station("--stop-after", "12") as running:
        runs = running.runs(12)
        assert running.end() == 0
    assert [(run["outcome"], run["code"]) for run in runs] == [("PASS", None)] * 12
    assert {run["bootloader"] for run in runs} == {"1.0.3", "1.0.4", "1.1.0", "<1.0.1"}
    strange = {run["serial"] for run in runs if any("known forms" in note for note in run["attempts"][0]["notes"])}
    assert strange == {serial(2), serial(7)}
    assert all(bench.memory_is_release(run["serial"]) for run in runs)


@pytest.mark.parametrize(
    "raw",
    [
        {"do": "stall", "at": UPLOAD_5},
        {"do": "eio", "at": UPLOAD_6},
        {"do": "short", "length": 64, "at": UPLOAD_6},
        {"do": "short", "length": 64, "at": {**UPLOAD_5, "block": 2048}},
        {"do": "stall", "at": {**UPLOAD_6, "block": 0}},
        {"do": "stall", "at": {**UPLOAD_6, "block": 32}},
        {"do": "stall", "at": {"request": "UPLOAD", "alt": 1, "block": 768}},
        {"do": "stall", "at": {"request": "UPLOAD", "alt": 4}, "times": None},
    ],
)
def test_a_reading_that_fails_before_the_first_write_is_a_note(make_bench: MakeBench, raw: dict[str, Any]) -> None:
    run, bench = only_run(make_bench, raw)
    assert [(attempt["outcome"], attempt["code"]) for attempt in run["attempts"]] == [("PASS", None)]
    assert bench.line.state(serial(1))["faults_struck"] >= 1
    assert run["attempts"][0]["notes"] != [] or raw["do"] == "short"
    assert bench.memory_is_release(serial(1))


def test_an_external_memory_that_cannot_be_read_is_never_green(make_bench: MakeBench) -> None:
    run, _ = only_run(make_bench, {"do": "stall", "at": UPLOAD_6, "times": None})
    assert (run["outcome"], run["code"]) == ("FAIL", "usb.stall")
    assert {attempt["phase"] for attempt in run["attempts"]} == {"verify"}
    written = only_run(
        make_bench, {"do": "stall", "at": UPLOAD_6, "times": None}, environment={"STATION_RUN__VERIFY": "false"}
    )[0]
    assert (written["outcome"], written["verified"]) == ("PASS", False)


def test_the_end_where_a_block_should_be_is_another_table(make_bench: MakeBench) -> None:
    run, bench = only_run(make_bench, {"do": "short", "length": 4, "at": {**UPLOAD_6, "block": 6143}})
    assert (run["outcome"], run["code"]) == ("FAIL", "identity.wrong_partitions")
    assert bench.blocks_written(serial(1)) == 0


def test_a_block_of_boot_without_a_header_refuses_nobody(make_bench: MakeBench) -> None:
    no_header = {"do": "flip_byte", "at": {"request": "UPLOAD", "alt": 0, "block": 1}, "offset": 0, "mask": 255}
    run, _ = only_run(make_bench, no_header)
    assert (run["outcome"], run["bootloader"]) == ("PASS", "1.0.3")


def test_a_serial_that_names_no_unit_runs_by_its_port_where_that_is_wanted(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1, serial="0" * 24), camera(2, serial="0" * 24), camera(3), camera(4, serial=serial(3))])
    with bench.station("--stop-after", "4", STATION_RUN__UNIDENTIFIED="flash") as running:
        runs = running.runs(4)
        assert running.end() == 0
    assert [(run["outcome"], run["identified"]) for run in runs] == [("PASS", False)] * 4


def test_another_camera_put_in_while_the_first_is_off_ends_its_run(make_bench: MakeBench) -> None:
    """The second shows its own bootloader first: the first run is not its, and it gets one of its own."""
    bench = make_bench([camera(1, boot_s=60.0)])
    with bench.station("--stop-after", "2") as running:
        bench.line.wait_until(serial(1), lambda state: state["phase"] == "dark")
        bench.line.unplug(serial(1))
        other = camera(9).with_(port_path="1-1.1").to_json()
        with closing(ControlClient(str(bench.line.addresses[0]))) as client:
            client.ask("plug", camera=other)
        found = {run["serial"]: run for run in running.runs(2)}
        running.end()
    assert (found[serial(1)]["outcome"], found[serial(1)]["code"]) == ("ABORTED", "operator.unplugged")
    assert (found[serial(9)]["outcome"], found[serial(9)]["code"]) == ("PASS", None)


# --- already passed -------------------------------------------------------------------------------------------------


def test_a_second_camera_with_the_serial_of_one_that_passed_is_flashed(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1), camera(2, serial=serial(1))])
    with bench.station("--stop-after", "2", plug=False) as running:
        bench.line.plug("1-1.1")
        assert running.run()["outcome"] == "PASS"
        bench.line.unplug("1-1.1")
        bench.line.plug("1-1.2")
        second = running.run()
        assert running.end() == 0
    assert (second["outcome"], second["port_path"]) == ("PASS", "1-1.2")
    assert second["attempts"][0]["notes"][0] == REUSED
    assert sum(image["blocks_written"] for image in second["attempts"][0]["images"]) > 0


def test_a_camera_that_passed_and_cannot_be_read_is_run(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1)])
    with bench.station("--stop-after", "2") as running:
        assert running.run()["outcome"] == "PASS"
        bench.line.unplug(serial(1))
        bench.line.add_fault(serial(1), {"do": "stall", "at": {**UPLOAD_6, "block": 0}})
        bench.line.plug(serial(1))
        again = running.run()
        assert running.end() == 0
    assert again["outcome"] == "PASS"
    assert "could not be read" in again["attempts"][0]["notes"][0]


def test_the_look_into_a_camera_that_passed_is_short(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1, profile="nor")])
    with bench.station("--stop-after", "2") as running:
        assert running.run()["outcome"] == "PASS"
        bench.line.unplug(serial(1))
        bench.line.plug(serial(1))
        skipped = running.run()
        assert running.end() == 0
    assert (skipped["outcome"], skipped["code"]) == ("SKIPPED", "unit.already_passed")
    assert skipped["duration_s"] < 0.5


# --- it stays, and it wraps -----------------------------------------------------------------------------------------

STAYS = {"STATION_RUN__BOOT_STAYS_S": "1.5"}


@pytest.mark.parametrize("do", ["app_resets", "app_flickers"])
def test_an_application_that_comes_and_goes_fails(make_bench: MakeBench, do: str) -> None:
    run, _ = only_run(make_bench, {"do": do, "after_s": 0.4}, environment=STAYS)
    assert (run["outcome"], run["code"], run["boot_confirmed"]) == ("FAIL", "boot.unstable", False)


def test_a_camera_pulled_while_it_should_stay_is_the_operators(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1)])
    slow = {"STATION_RUN__BOOT_STAYS_S": "20", "STATION_RUN__RETURN_WINDOW_S": "0.5"}
    with bench.station("--stop-after", "1", environment=slow) as running:
        wait_for(lambda: bench.line.state(serial(1))["phase"] == "application", "its application")
        wait_for(lambda: bench.line.state(serial(1))["configured"], "that a host sees it")
        bench.line.unplug(serial(1))
        run = running.run()
        assert running.end() == 1
    assert (run["outcome"], run["code"]) == ("ABORTED", "operator.unplugged")


@pytest.mark.parametrize(("mib", "blocks"), [(8, 98), (16, 2060)])
def test_a_memory_that_wraps_is_no_pass(make_bench: MakeBench, tmp_path: Any, mib: int, blocks: int) -> None:
    from tests.releases import make_demo_release

    bench = make_bench([camera(1, external_bytes=mib << 20), camera(2)])
    folder = tmp_path / "large"
    folder.mkdir()
    make_demo_release(
        folder, version="4.7.0", hp_bytes=41_003, he_bytes=20_480, romfs1_bytes=9_001, romfs0_bytes=blocks * 4096
    )
    bench.release = folder
    with bench.station("--stop-after", "2") as running:
        found = {run["port_path"]: run for run in running.runs(2)}
        assert running.end() == 1
    assert (found["1-1.1"]["outcome"], found["1-1.1"]["code"]) == ("FAIL", "mram.wrapped")
    assert f"{mib} MiB" in found["1-1.1"]["message"]
    assert found["1-1.2"]["outcome"] == "PASS"


def test_a_filesystem_that_cannot_be_read_fails_no_sound_camera(make_bench: MakeBench) -> None:
    run, _ = only_run(make_bench, {"do": "stall", "at": {**UPLOAD_5, "block": 97}, "times": None})
    assert run["outcome"] == "PASS"
