"""The rig's sessions: each starts a station or two, and decides the cases that one line of cameras can show."""

from __future__ import annotations

import json
import math
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness import FILES, wait_for
from tests.rig import trace
from tests.rig.camera_tests import camera_tests
from tests.rig.disks import disks
from tests.rig.image import ORDINARY_USER
from tests.rig.serial_ports import run_again, serial_ports
from tests.rig.workbench import (
    PORTS,
    RULE,
    SYSFS,
    Workbench,
    collect,
    fault,
    install_rule,
    percentile,
    serial,
    spawn_as,
)

GOLDEN = Path(__file__).with_name("full_flash.trace")
HOLD_GOAL_S = 0.75
UDEV_LATE_S = 1.0
"""A camera that udev announces later than this after its configuration can hardly be held within its 1.5 s."""
ARRIVALS_AT_MOST = 3
FULL = ("HP", "HE", "ROMFS1", "ROMFS0")
QUIET_S = 20.0
APPLICATION = "16e3"


@dataclass
class Arrival:
    """What sixteen cameras at once came to: runs, camera states and product ids by port path, and the exit code."""

    announced_at_s: dict[str, float]
    runs: dict[str, list[dict[str, Any]]]
    states: dict[str, dict[str, Any]]
    modes: dict[str, str]
    code: int
    rest: list[dict[str, Any]]

    @property
    def lives(self) -> dict[str, dict[str, Any]]:
        """The first life of each camera's bootloader."""
        return {path: state["sessions"][0] for path, state in self.states.items()}

    def missed(self) -> set[str]:
        """Cameras that booted before the station held them."""
        return {path for path, life in self.lives.items() if not life["attached_s"]}

    def announced_s(self) -> list[float]:
        """From each camera's configuration to udev's announcement: nothing of ours is in it."""
        return [self.announced_at_s.get(path, math.inf) - life["configured_s"] for path, life in self.lives.items()]


def hotplug(bench: Workbench) -> None:
    """Sixteen cameras come at once; again where one was missed and the machine so busy that udev itself was late."""
    arrivals = [_sixteen_at_once(bench)]
    while arrivals[-1].missed() and max(arrivals[-1].announced_s()) >= UDEV_LATE_S and len(arrivals) < ARRIVALS_AT_MOST:
        arrivals.append(_sixteen_at_once(bench))
    arrival = arrivals[-1]
    runs, states, lives = arrival.runs, arrival.states, arrival.lives
    with bench.case("sixteen_arrive_by_hotplug_and_pass"):
        for path in bench.paths:
            assert path in runs, f"{path} had no run: {states[path]['sessions']}"
            bench.prove(runs[path][0])
        assert (arrival.code, arrival.rest) == (130, [])
    with bench.case("held_before_their_window_ends") as facts:
        facts["arrivals_tried"] = len(arrivals)
        facts["announced_s"] = _spread(arrival.announced_s())
        held = {path: life for path, life in lives.items() if life["attached_s"]}
        facts["from_configuration_s"] = _spread([life["held_latency_s"] for life in held.values()])
        assert not arrival.missed(), sorted(arrival.missed())
        assert set(held) <= set(arrival.announced_at_s), sorted(set(held) - set(arrival.announced_at_s))
        from_event = [life["attached_s"] - arrival.announced_at_s[path] for path, life in held.items()]
        facts["from_udev_event_s"] = _spread(from_event)
        assert percentile(from_event, 0.99) < HOLD_GOAL_S, facts
    with bench.case("the_application_is_back_on_the_same_port"):
        assert set(arrival.modes.values()) == {APPLICATION}, arrival.modes
        for state in states.values():
            assert [life["mode"] for life in state["sessions"]] == ["bootloader", "application"], state["sessions"]
            assert state["sessions"][0]["detached_s"] is not None
        assert all(run[0]["boot_confirmed"] for run in runs.values())


def _sixteen_at_once(bench: Workbench) -> Arrival:
    numbers = range(PORTS)
    bench.put(*(bench.camera(number, forced=False) for number in numbers))
    with bench.udev_log() as announced, bench.station() as running:
        bench.plug(*numbers)
        held = [path for path in bench.paths if _was_held(bench, path)]
        runs = collect(running, len(held))
        modes = {path: bench.mode(path) for path in bench.paths}
        states = {path: bench.line.state(path) for path in bench.paths}
        added_at = announced()
        running.interrupt()
        code = running.end()
    return Arrival(added_at, runs, states, modes, code, running.rest)


def _was_held(bench: Workbench, path: str) -> bool:
    """Whether a camera was held, once it is decided."""
    state = bench.line.wait_until(
        path, lambda found: bool(found["sessions"][0]["attached_s"] or found["sessions"][0]["left_s"]), 60.0
    )
    return state["sessions"][0]["attached_s"] is not None


def _spread(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    found = {"min": min(values), "p50": percentile(values, 0.5), "p99": percentile(values, 0.99)}
    return {name: round(value, 3) for name, value in found.items()}


def present(bench: Workbench) -> None:
    """Cameras that are there before the station; then the trace of one, and dfu-util reads another."""
    flashed = bench.camera(4, forced=False, release=str(bench.release))
    bench.put(*(bench.camera(number) for number in range(4)), flashed)
    bench.plug(4)
    for number in range(4):
        bench.plug_held(number)
    wait_for(lambda: bench.mode(bench.paths[4]) == APPLICATION, "the application", 20)
    with bench.case("slots_lists_what_the_kernel_has"):
        done = bench.zygote.run(["slots", "--json", "--data-dir", bench.data_dir()])
        found = {row["port_path"]: row["state"] for row in json.loads(done.stdout)}
        assert found == {bench.paths[4]: "application"} | dict.fromkeys(bench.paths[:4], "bootloader"), found
    with bench.station("--stop-after", "4") as running:
        runs = collect(running, 4)
        code = running.end()
    with bench.case("cameras_that_were_there_before_the_station_pass"):
        for path in bench.paths[:4]:
            bench.prove(runs[path][0])
        assert code == 0
    with bench.case("a_camera_that_went_to_its_application_is_no_run"):
        assert set(runs) == set(bench.paths[:4])
        assert running.rest == []
        state = bench.line.state(bench.paths[4])
        assert state["sessions"][0]["attached_s"] is None
        assert len(state["sessions"]) == 2
    with bench.case("the_requests_of_a_run_are_the_golden_ones") as facts:
        _compare_trace(bench, facts)
    with bench.case("dfu_util_reads_back_what_the_station_wrote"):
        _read_back(bench)


def _compare_trace(bench: Workbench, facts: dict[str, Any]) -> None:
    """All four cameras were asked the very same, and it is what the file says."""
    sent = [trace.of_run(bench.line.state(path)["trace"]) for path in bench.paths[:4]]
    texts = [trace.compressed(requests) for requests in sent]
    (bench.scratch / GOLDEN.name).write_text(texts[0])
    facts.update(requests=len(sent[0]), lines=texts[0].count("\n"))
    assert len(set(texts)) == 1, texts
    assert texts[0] == GOLDEN.read_text(), texts[0]


def _read_back(bench: Workbench) -> None:
    path = bench.paths[0]
    bench.line.unplug(path)
    bench.wait_gone(path)
    bench.plug_held(0)
    for partition in FULL:
        file = Path("/tmp") / f"{partition}.upload"
        bench.dfu_util("-p", path, "-a", partition, "-U", file)
        content = bench.contents[partition]
        assert file.read_bytes()[: len(content)] == content, partition
        file.unlink()


def faults(bench: Workbench) -> None:
    """Cameras that go wrong, a sound one beside them, and dfu-util at work on a port that is not a slot."""
    mram, silent, fickle, pulled, sound, foreign, stray = range(7)
    late = fault(do="silence", at={"request": "GETSTATUS", "alt": 7}, skip=1, seconds=QUIET_S)
    dead = fault(do="silence", at={"request": "WRITE", "alt": 6, "block": 20})
    gone = fault(do="vanish_and_return", at={"request": "DNLOAD", "alt": 6, "block": 20}, after_s=0.5)
    bench.put(
        bench.camera(mram, external="mram", mram_initialized=False, faults=late),
        bench.camera(silent, faults=dead),
        bench.camera(fickle, faults=gone),
        bench.camera(pulled, profile="nor", scale=2.0),
        bench.camera(sound, profile="nor", scale=4.0),
        bench.camera(foreign),
        bench.camera(stray, forced=False, release=str(bench.release)),
    )
    foreign_path = bench.plug_held(foreign)
    config = bench.slots_file(mram, silent, fickle, pulled, sound)
    with bench.station("--config", config, "--stop-after", "6") as running:
        bench.plug(stray, mram, silent, fickle, pulled, sound)
        bench.wait_middle(pulled)
        bench.pull(pulled)
        bench.wait_middle(sound, 1)
        with bench.case("dfu_util_writes_next_to_the_station"):
            before = bench.blocks_written(sound)
            bench.dfu_util("-p", foreign_path, "-a", "ROMFS0", "-D", bench.release / FILES["ROMFS0"])
            assert bench.blocks_written(sound) > before, "the station was not writing meanwhile"
        first = running.run(60)
        found = {first["port_path"]: [first]}
        while first["port_path"] != bench.paths[pulled]:
            first = running.run(60)
            found.setdefault(first["port_path"], []).append(first)
        bench.plug(pulled)
        for path, runs in collect(running, 6 - sum(map(len, found.values()))).items():
            found.setdefault(path, []).extend(runs)
        if sum(map(len, found.values())) < 6:
            running.interrupt(signal.SIGTERM)
        code = running.end()
    _judge_faults(bench, found, (mram, silent, fickle, pulled, sound), code)
    with bench.case("a_port_that_is_no_slot_is_left_alone"):
        assert bench.paths[stray] not in found
        assert bench.paths[foreign] not in found
        left, touched = (bench.line.state(bench.paths[number]) for number in (stray, foreign))
        assert [life["attached_s"] for life in left["sessions"]] == [None, None], left["sessions"]
        names = {request.name for request in trace.of_run(touched["trace"])}
        assert "DETACH" not in names, names
        content = bench.contents["ROMFS0"]
        bench.line.dump_memory(foreign_path, "ROMFS0", str(bench.scratch / "foreign"), len(content))
        assert (bench.scratch / "foreign").read_bytes() == content


def _judge_faults(
    bench: Workbench, found: dict[str, list[dict[str, Any]]], numbers: tuple[int, int, int, int, int], code: int
) -> None:
    mram, silent, fickle, pulled, sound = ([*found.get(bench.paths[number], [])] for number in numbers)
    with bench.case("an_mram_is_initialized_though_silent_for_20_s"):
        bench.prove(mram[0])
        assert [attempt["mram_initialized"] for attempt in mram[0]["attempts"]] == [True]
        assert mram[0]["duration_s"] > QUIET_S
    with bench.case("a_silent_camera_fails"):
        assert (silent[0]["outcome"], silent[0]["code"]) == ("FAIL", "usb.timeout"), silent
        assert code == 1
    with bench.case("a_camera_that_vanishes_for_a_moment_passes_again"):
        ends = [(attempt["outcome"], attempt["code"]) for attempt in fickle[0]["attempts"]]
        assert ends == [("FAIL", "usb.disconnected"), ("PASS", None)], fickle
        bench.prove(fickle[0])
    with bench.case("pulled_by_the_kernel_and_plugged_in_again") as facts:
        assert [(run["outcome"], run["code"]) for run in pulled] == [("ABORTED", "operator.unplugged"), ("PASS", None)]
        bench.prove(pulled[1])
        rest = pulled[1]["attempts"][0]["images"]
        facts["blocks_written_again"] = sum(image["blocks_written"] for image in rest)
        assert facts["blocks_written_again"] <= sum(image["blocks_total"] for image in rest) - 35, rest
    with bench.case("a_sound_camera_beside_all_that_passes"):
        bench.prove(sound[0])
        assert len(sound[0]["attempts"]) == 1


def odd(bench: Workbench) -> None:
    """Cameras that nobody can tell apart or that are not the right kind; then what happens to the station itself."""
    one, other, nameless, old, hit, last = range(6)
    bench.put(
        bench.camera(one),
        bench.camera(other, serial=serial(one)),
        bench.camera(nameless, serial="0" * 24),
        bench.camera(old, table="april_2025"),
        bench.camera(hit, profile="nor"),
        bench.camera(last, profile="nor", scale=4.0),
    )
    folder = bench.data_dir()
    with bench.station(data_dir=folder) as running:
        bench.plug(hit, one, other, nameless, old)
        bench.wait_middle(hit)
        os.kill(running.processes(f"w {bench.paths[hit]}")[0], signal.SIGKILL)
        found = collect(running, 5)
        with bench.case("a_second_station_is_refused"):
            _refuse_second(bench, folder)
        with bench.case("sigterm_ends_and_logs"):
            bench.plug(last)
            bench.wait_middle(last, 3)
            running.interrupt(signal.SIGTERM)
            run = running.run(60)
            assert (run["outcome"], run["code"]) == ("ABORTED", "operator.cancelled"), run
            assert running.end() == 130
            logged = bench.zygote.run(["export", "--data-dir", folder])
            assert logged.returncode == 0, logged
            assert run in [json.loads(line) for line in logged.stdout.splitlines()], (run, logged.stdout)
    ends = {path: [(run["outcome"], run["code"]) for run in runs] for path, runs in found.items()}
    with bench.case("two_cameras_with_one_serial_are_refused"):
        for number in (one, other):
            assert ends.get(bench.paths[number]) == [("ERROR", "identity.duplicate_serial")], ends
            assert not found[bench.paths[number]][0]["identified"]
    with bench.case("a_default_serial_is_refused"):
        assert ends.get(bench.paths[nameless]) == [("ERROR", "identity.default_serial")], ends
    with bench.case("an_old_partition_table_is_refused"):
        assert ends.get(bench.paths[old]) == [("FAIL", "identity.wrong_partitions")], ends
        assert not bench.line.state(bench.paths[old])["blocks_written"]
    with bench.case("a_killed_worker_costs_its_own_run"):
        assert ends.get(bench.paths[hit]) == [("ERROR", "worker.died")], ends


def _refuse_second(bench: Workbench, folder: Path) -> None:
    for data_dir, named in ((folder, str(folder)), (bench.data_dir(), "USB bus")):
        words = ["run", "--headless", "--bundle", bench.release, "--data-dir", data_dir]
        done = bench.zygote.run(words)
        assert done.returncode == 6, (done.returncode, done.stderr)
        assert named in done.stderr
        assert "Traceback" not in done.stderr


def ordinary_user(bench: Workbench) -> None:
    """The station as somebody who is not root, with the rule of `deploy/` and without it."""
    install_rule(installed=True)
    bench.put(bench.camera(0), bench.camera(1))
    folder = bench.data_dir()
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    with bench.case("an_ordinary_user_with_the_rule_passes") as facts:
        words = ("--stop-after", "1")
        with bench.station(*words, data_dir=folder, start=spawn_as(ORDINARY_USER)) as running:
            bench.plug(0)
            bench.prove(running.run(60))
            assert running.end() == 0, running.talk
        facts["node"] = _node_mode(bench.paths[0])
    checks = _doctor(bench, folder)
    install_rule(installed=False)
    with bench.case("an_ordinary_user_without_the_rule_is_told_its_name"):
        start = _starter(bench)
        with bench.station("--stop-after", "1", data_dir=folder, start=start) as running:
            bench.plug(1)
            code = running.end()
        assert _node_mode(bench.paths[1]) == "0664 0 0"
        talk = "".join(running.talk)
        assert code == 5, (code, talk, running.rest)
        assert RULE.name in talk, talk
        assert "Traceback" not in talk
    with bench.case("doctor_tells_with_and_without_the_rule"):
        assert checks["udev rule"]["ok"], checks
        assert checks[f"camera at {bench.paths[0]}"]["ok"], checks
        checks = _doctor(bench, folder)
        assert not checks["udev rule"]["ok"]
        assert RULE.name in checks["udev rule"]["fix"]
        assert not checks[f"camera at {bench.paths[1]}"]["ok"], checks


def _starter(bench: Workbench) -> Any:
    return lambda words, environment: bench.zygote.start(words, environment, user=ORDINARY_USER)


def _doctor(bench: Workbench, folder: Path) -> dict[str, Any]:
    done = bench.zygote.run(["doctor", "--json", "--data-dir", folder], user=ORDINARY_USER)
    return {check["check"]: check for check in json.loads(done.stdout)["checks"]}


def _node_mode(path: str) -> str:
    bus, address = (int((SYSFS / path / name).read_text()) for name in ("busnum", "devnum"))
    found = os.stat(f"/dev/bus/usb/{bus:03d}/{address:03d}")
    return f"{found.st_mode & 0o7777:04o} {found.st_uid} {found.st_gid}"


def dfu_util_first(bench: Workbench) -> None:
    """The four commands that people use today; the station recognizes what they wrote."""
    bench.put(bench.camera(0))
    path = bench.plug_held(0)
    for partition in FULL:
        last = ("--reset",) if partition == FULL[-1] else ()
        good = (0, 74, 251) if last else (0,)
        bench.dfu_util("-p", path, "-a", partition, "-D", bench.release / FILES[partition], *last, good=good)
    wait_for(lambda: bench.mode(path) == APPLICATION, "the application", 30)
    sent = trace.of_run(bench.line.state(path)["trace"])
    with bench.case("dfu_util_sends_dnload_getstatus_getstatus") as facts:
        names = [request.name for request in sent if request.name in ("DNLOAD", "GETSTATUS")]
        blocks = [at for at, request in enumerate(sent) if request.name == "DNLOAD" and request.length]
        assert len(blocks) == sum(-(-len(content) // 4096) for content in bench.contents.values())
        for at in blocks:
            assert [request.name for request in sent[at : at + 3]] == ["DNLOAD", "GETSTATUS", "GETSTATUS"]
            assert at + 3 not in range(len(sent)) or sent[at + 3].name != "GETSTATUS"
        facts.update(requests=len(sent), of_which_per_block=len(names))
    bench.line.unplug(path)
    bench.wait_gone(path)
    bench.plug_held(0)
    with bench.case("the_station_leaves_what_dfu_util_wrote"):
        words = ["flash", bench.release, "--recipe", "full", "--json", "--data-dir", bench.data_dir()]
        done = bench.zygote.run(words)
        assert done.returncode == 0, done
        run = json.loads(done.stdout)
        bench.prove(run)
        assert [image["blocks_written"] for image in run["attempts"][0]["images"]] == [0, 0, 0, 0]


FORMS = ("eui", "f00d0000deadbeef", "none", "reversed", "same", "eui")
"""What applications may show as their serial: what real ones do, a form that nobody knows, none, and two more."""
BOOTLOADERS = ("1.0.3", "1.0.4", "1.1.0", "1.0.0")
"""The last one says 0x0200 in bcdDevice and has no header."""


def serial_forms(bench: Workbench) -> None:
    """Twelve cameras that differ in what no source proves."""
    numbers = range(12)
    forms = {bench.paths[number]: FORMS[number % len(FORMS)] for number in numbers}
    bench.put(
        *(
            bench.camera(
                number,
                forced=False,
                bootloader=BOOTLOADERS[number % 4],
                application_serial=forms[bench.paths[number]],
            )
            for number in numbers
        )
    )
    with bench.case("twelve_cameras_of_every_form_and_bootloader_pass") as facts, bench.station() as running:
        bench.plug(*numbers)
        runs = collect(running, len(numbers))
        running.interrupt()
        assert (running.end(), running.rest) == (130, [])
        for path, form in forms.items():
            run = runs[path][0]
            bench.prove(run)
            assert any("known forms" in note for note in run["notes"]) == (form == "f00d0000deadbeef"), run
            assert (run["application_serial"] is None) == (form == "none"), run
        facts["bootloaders"] = sorted({found[0]["bootloader"] for found in runs.values()})
        assert facts["bootloaders"] == ["1.0.3", "1.0.4", "1.1.0", "<1.0.1"]


SESSIONS = (
    hotplug,
    serial_forms,
    present,
    faults,
    odd,
    ordinary_user,
    dfu_util_first,
    disks,
    serial_ports,
    run_again,
    camera_tests,
)
