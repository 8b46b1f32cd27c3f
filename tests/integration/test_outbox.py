"""A line and the factory's systems: what is told, what waits, and what is lost when anything is killed: nothing."""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from station.control.client import ask
from station.control.requests import BindUnit
from station.sim.faults import Fault
from tests.harness import Bench, Station, station, wait_for
from tests.integration.conftest import MakeBench, camera, serial
from tests.receivers import MOSQUITTO, HttpSystem, LabelPrinter, Received, TcpSystem, free_port, mosquitto, subscribed
from tests.unit.factory.test_record_sinks import is_dead


def configured(where: Path, **sinks: str) -> Path:
    """A configuration with these sinks: `kind address`."""
    where.mkdir(exist_ok=True)
    file = where / "station.toml"
    tables = []
    for name, words in sinks.items():
        kind, _, to = words.partition(" ")
        tables.append(f'[outbox.{name}]\nkind = "{kind}"\nto = "{to}"\nretry_s = 0.05\nretry_limit_s = 0.5\n')
    file.write_text("\n".join(tables))
    return file


SHIPPED_LABEL = Path(__file__).parents[2] / "deploy/labels/camera.zpl"


def told(received: Received) -> dict[str, dict[str, Any]]:
    return {record["run_id"]: record for record in received.records}


def backlog(bench: Bench, config: Path) -> dict[str, Any]:
    done = station("outbox", "--json", "--config", config, "--data-dir", bench.data_dir)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return {**found, "sinks": {sink["sink"]: sink for sink in found["sinks"]}}


@pytest.mark.skipif(MOSQUITTO is None, reason="no mosquitto here (apt-get install mosquitto)")
def test_every_kind_of_system_is_told_of_every_run(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench([camera(number) for number in (1, 2, 3)])
    (tmp_path / "folder").mkdir()
    hook = tmp_path / "hook.sh"
    hook.write_text(f"#!/bin/sh\ncat >> {tmp_path / 'hooked'}\n")
    hook.chmod(0o755)
    port, http, tcp = free_port(), HttpSystem(), TcpSystem()
    with ExitStack() as stack:
        broker = stack.enter_context(mosquitto(tmp_path, port))
        received = stack.enter_context(subscribed(port, "station/runs"))
        config = configured(
            tmp_path,
            folder=f"folder {tmp_path / 'folder'}",
            http=f"http {stack.enter_context(http.serving())}",
            tcp=f"tcp {stack.enter_context(tcp.serving())}",
            mqtt=f"mqtt {broker}",
            hook=f"hook {hook}",
        )
        with bench.station("--config", config) as running:
            runs = {run["run_id"]: run for run in running.runs(3)}
            wait_for(lambda: backlog(bench, config)["waiting"] == [], "everything delivered")
            running.interrupt()
            assert running.end() == 130
        received.wait_for(lambda records: len(records) >= 3)
    hooked = [json.loads(line) for line in (tmp_path / "hooked").read_text().splitlines()]
    assert {record["run_id"]: record for record in hooked} == runs
    assert {path.stem: json.loads(path.read_text()) for path in (tmp_path / "folder").iterdir()} == runs
    for system in (http, tcp, received):
        assert told(system) == runs


def test_the_factory_hears_nothing_of_cameras_that_the_station_made_up(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    config = configured(tmp_path, folder=f"folder {tmp_path / 'folder'}")
    config.write_text(config.read_text() + '[ask]\nkind = "hook"\nto = "false"\n')
    done = station(
        "demo", "--cameras", "2", "--headless", "--json", "--config", config, "--data-dir", tmp_path / "data"
    )
    assert {json.loads(line)["outcome"] for line in done.stdout.splitlines()} == {"PASS", "FAIL"}
    assert list((tmp_path / "folder").iterdir()) == []


def test_a_line_ends_although_its_system_is_dead_and_says_what_waits(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench([camera(1)])
    port = free_port()
    config = configured(tmp_path, mes=f"http http://127.0.0.1:{port}/runs")
    with bench.station("--config", config, "--stop-after", "1") as running:
        run = running.run()
        assert (run["outcome"], running.end()) == ("PASS", 0)
    # The line may have ended before its deliverer came to a try.
    assert station("outbox", "retry", "--config", config, "--data-dir", bench.data_dir).returncode == 0
    assert station("outbox", "deliver", "--config", config, "--data-dir", bench.data_dir).returncode == 1
    mes = backlog(bench, config)["sinks"]["mes"]
    assert (mes["waiting"], mes["configured"], mes["code"]) == (1, True, "outbox.unreachable")
    assert mes["tries"] >= 1
    shown = station("outbox", "--config", config, "--data-dir", bench.data_dir).stdout
    assert "mes: http http://127.0.0.1" in shown
    assert "1 wait, the oldest for" in shown
    assert serial(1) in shown
    nobody = station("outbox", "--data-dir", bench.data_dir, "--config", configured(tmp_path / "other")).stdout
    assert "mes: IS CONFIGURED NO MORE" in nobody
    doctor = station(
        "doctor", "--json", "--config", tmp_path / "other/station.toml", "--data-dir", bench.data_dir
    ).stdout
    (found,) = [check for check in json.loads(doctor)["checks"] if check["check"] == "outbox mes"]
    assert not found["ok"]
    assert "station outbox drop mes --all" in found["fix"]

    config = configured(tmp_path, mes=f"http http://127.0.0.1:{port}/runs")
    system = HttpSystem()
    with system.serving(port):
        assert station("outbox", "retry", "--config", config, "--data-dir", bench.data_dir).returncode == 0
        assert station("outbox", "deliver", "--config", config, "--data-dir", bench.data_dir).returncode == 0
    assert told(system) == {run["run_id"]: run}


def test_whatever_is_killed_every_run_is_told_in_its_order(make_bench: MakeBench, tmp_path: Path) -> None:
    """The system is slow and fails now and then; the deliverer is killed, then the line, in the middle of runs."""
    numbers = (1, 2, 3, 4)
    bench = make_bench([camera(1, profile="nor", scale=0.2), *(camera(number) for number in numbers[1:])])
    system = HttpSystem()
    answers = iter([200, 503, 200, 422, 200, 200] * 1000)

    def answer(_record: dict[str, Any]) -> tuple[int, bytes]:
        time.sleep(0.05)
        return next(answers), b""

    system.answer = answer
    with system.serving() as url:
        config = configured(tmp_path, mes=f"http {url}")
        again = {"STATION_RUN__ALREADY_PASSED": "reflash", "STATION_RUN__WRITE": "all"}
        with bench.station("--config", config, environment=again) as running:
            runs_of(bench, running, numbers, rounds=2)
            (deliverer,) = wait_for(partial(running.processes, "station-outbox"), "the deliverer")
            os.kill(deliverer, signal.SIGKILL)
            running.runs(len(numbers))
            (deliverer,) = wait_for(partial(running.processes, "station-outbox"), "the deliverer again")
            before = bench.blocks_written(serial(1))
            replug(bench, numbers)
            wait_for(lambda: bench.blocks_written(serial(1)) > before + 5, "a camera in the middle")
            running.process.kill()
            running.end()
        wait_for(partial(is_dead, deliverer), "the deliverer ends behind its line")
        with bench.station("--config", config, environment=again, plug=False) as running:
            replug(bench, numbers)
            running.runs(len(numbers))
            running.interrupt()
            running.end()
        wanted = {run["run_id"]: run for run in bench.export() if run["outcome"] is not None}
        station("outbox", "retry", "--config", config, "--data-dir", bench.data_dir)
        wait_for(
            lambda: station("outbox", "deliver", "--config", config, "--data-dir", bench.data_dir).returncode == 0,
            "everything delivered",
        )
    assert told(system) == wanted
    assert any(run["code"] == "station.interrupted" for run in wanted.values())
    came = list(dict.fromkeys(record["run_id"] for record in system.records))
    for number in numbers:
        mine = [run_id for run_id, run in wanted.items() if run["serial"] == serial(number)]
        assert [run_id for run_id in came if run_id in mine] == mine


def replug(bench: Bench, numbers: tuple[int, ...]) -> None:
    for number in numbers:
        bench.line.unplug(serial(number))
        bench.line.plug(serial(number))


def runs_of(bench: Bench, running: Station, numbers: tuple[int, ...], rounds: int) -> None:
    """Each camera is run so often, and then plugged in once more."""
    for _ in range(rounds):
        running.runs(len(numbers))
        replug(bench, numbers)


def labels_of(printer: LabelPrinter) -> list[str]:
    """The serials on the labels, as a scanner would read them."""
    return [label.split(b"^FH^FD")[1].split(b"^FS")[0].decode() for label in printer.labels]


def test_a_camera_that_passed_gets_its_label_and_one_that_failed_none(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench([camera(1), camera(2, faults=(Fault.from_json({"do": "boot_never"}),))])
    template = tmp_path / "label.zpl"
    template.write_text("^XA^FO10,10^A0N,30^FH^FD{{ serial }}^FS^FO10,60^A0N,30^FH^FD{{ batch }}^FS^XZ")
    port, printer = free_port(), LabelPrinter()
    config = tmp_path / "station.toml"
    config.write_text(
        f'[run]\nbatch = "50% ^FS_~JR"\nboot_timeout_s = 5\n[outbox.labels]\nkind = "zpl"\nto = "tcp://127.0.0.1:{port}"\n'
        f'template = "{template}"\nretry_s = 0.05\nretry_limit_s = 0.5\n'
    )
    options = ("--config", config, "--data-dir", bench.data_dir)
    with bench.station("--config", config) as running:
        runs = {run["serial"]: run for run in running.runs(2)}
        assert (runs[serial(1)]["outcome"], runs[serial(2)]["outcome"]) == ("PASS", "FAIL")
        waits = wait_for(lambda: backlog(bench, config)["waiting"], "the label that waits for the printer")
        assert [(row["serial"], row["outcome"]) for row in waits] == [(serial(1), "PASS")]
        with printer.serving(port):
            printer.wait_for_labels(1)
            wait_for(lambda: not backlog(bench, config)["waiting"], "the row that is done")
            again = station("label", "reprint", serial(1), "--reason", "it tore", "--by", "Ann", "--json", *options)
            assert again.returncode == 0, again.stderr
            assert json.loads(again.stdout)["run_id"] == runs[serial(1)]["run_id"]
            refused = station("label", "reprint", serial(2), "--reason", "it tore", *options)
            assert (refused.returncode, refused.stderr[:17]) == (2, "label.not_passed:")
        off = station("label", "reprint", serial(1), "--reason", "it tore", *options)
        assert (off.returncode, off.stderr.split(":")[0]) == (1, "outbox.unreachable")
        running.interrupt()
        running.end()
    assert labels_of(printer) == [serial(1), serial(1)]
    assert b"^FD50% _5EFS_5F_7EJR^FS" in printer.labels[0]
    audit = json.loads(station("audit", "--json", *options).stdout)
    reprints = [row for row in audit if row["act"] == "label.reprinted"]
    assert [(row["who"], row["subject"]) for row in reprints] == [("Ann", serial(1))]


def test_a_product_scanned_after_its_camera_passed_gets_one_label_with_its_serial(
    make_bench: MakeBench, tmp_path: Path
) -> None:
    """With the template that is shipped. The printer is off when it passes and when it is scanned, and the process
    that prints is killed in between."""
    bench = make_bench([camera(1), camera(2)])
    port, printer = free_port(), LabelPrinter()
    config = tmp_path / "station.toml"
    config.write_text(
        f'[product_serial]\npattern = "P-[0-9]+"\n[outbox.labels]\nkind = "zpl"\nto = "tcp://127.0.0.1:{port}"\n'
        f'template = "{SHIPPED_LABEL}"\nretry_s = 0.05\nretry_limit_s = 0.2\n'
    )
    options = ("--config", config, "--data-dir", bench.data_dir)

    def codes() -> dict[str, str]:
        return {row["serial"]: row["code"] for row in backlog(bench, config)["waiting"]}

    with bench.station("--config", config) as running:
        assert {run["outcome"] for run in running.runs(2)} == {"PASS"}
        wait_for(lambda: codes() == {serial(1): "label.unbound", serial(2): "label.unbound"}, "both wait")
        assert backlog(bench, config)["sinks"]["labels"]["unbound"] == 2
        doctor = json.loads(station("doctor", "--json", *options).stdout)["checks"]
        assert [
            (check["ok"], "2 labels wait" in check["found"]) for check in doctor if check["check"] == "labels labels"
        ] == [(True, True)]
        (deliverer,) = running.processes("station-outbox")
        os.kill(deliverer, signal.SIGKILL)
        assert station("bind", serial(1), "P-1", *options).returncode == 0
        ask(bench.data_dir, BindUnit("1-1.2", serial(2), "P-2"))
        wait_for(partial(running.processes, "station-outbox"), "the deliverer again")
        wait_for(lambda: set(codes().values()) == {"outbox.unreachable"}, "both are due, and the printer is off")
        with printer.serving(port):
            printer.wait_for_labels(2)
            wait_for(lambda: not codes(), "nothing waits")
            assert station("bind", serial(1), "P-1", *options).returncode == 0
            running.interrupt()
            running.end()
            assert station("outbox", "deliver", *options).returncode == 0
    assert sorted(label.split(b"QA,")[1].split(b"^FS")[0] for label in printer.labels) == [b"P-1", b"P-2"]
