"""A line's figures over HTTP: what Prometheus reads is what the log says, and no scraper holds up a camera."""

from __future__ import annotations

import json
import socket
from collections import Counter
from pathlib import Path
from typing import Any

import urllib3

from station.sim.faults import Fault
from tests.harness import station, wait_for
from tests.integration.conftest import MakeBench, camera
from tests.receivers import free_port
from tests.unit.metrics.test_exposition import Samples, samples, value


def scraped(port: int) -> Samples:
    answer = urllib3.request("GET", f"http://127.0.0.1:{port}/metrics", timeout=30.0, retries=False)
    assert answer.status == 200
    return samples(answer.data)


def served(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def counted(found: Samples) -> Counter[tuple[str, str, str]]:
    """Finished runs by slot, outcome and code."""
    runs: Counter[tuple[str, str, str]] = Counter()
    for (name, labels), count in found.items():
        if name == "ae3_runs_total":
            of = dict(labels)
            runs[of["slot"], of["outcome"], of["code"]] += int(count)
    return runs


def test_what_is_scraped_is_what_the_log_says(make_bench: MakeBench, tmp_path: Path) -> None:
    port, dead = free_port(), free_port()
    config = tmp_path / "station.toml"
    config.write_text(
        f'[run]\nmax_attempts = 1\nbatch = "L7"\n[metrics]\nport = {port}\n'
        f'[outbox.mes]\nkind = "tcp"\nto = "tcp://127.0.0.1:{dead}"\n'
    )
    bench = make_bench([camera(1), camera(2), camera(3, faults=(Fault.from_json({"do": "boot_never"}),))])
    with bench.station("--config", config) as running:
        runs = running.runs(3)
        wait_for(lambda: served(port), "the figures")
        # One that asks and never reads, and one that says nothing: neither keeps the others from theirs.
        with socket.create_connection(("127.0.0.1", port)) as deaf, socket.create_connection(("127.0.0.1", port)):
            deaf.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            found = wait_for(lambda: complete(scraped(port), len(runs)), "all runs")
        line = found
        running.interrupt()
        running.end()
    assert not served(port)
    log = bench.export()
    assert counted(line) == Counter((run["slot"], run["outcome"], run["code"] or "") for run in log)
    assert {outcome for _, outcome, _ in counted(line)} == {"PASS", "FAIL"}
    for outcome in ("PASS", "FAIL"):
        took = [run["duration_s"] for run in log if run["outcome"] == outcome]
        assert value(line, "ae3_run_duration_seconds_count", outcome=outcome) == len(took)
        assert abs(value(line, "ae3_run_duration_seconds_sum", outcome=outcome) - sum(took)) < 1e-6
    images = [image for run in log for attempt in run["attempts"] for image in passed_images(attempt)]
    written = sum(count for (name, _), count in line.items() if name == "ae3_written_bytes_total")
    assert written == sum(image["size_bytes"] * image["blocks_written"] / image["blocks_total"] for image in images)
    assert value(line, "ae3_outbox_waiting", sink="mes") == len(log)
    assert value(line, "ae3_outbox_lag_seconds", sink="mes") > 0
    assert value(line, "ae3_line_takes_cameras") == value(line, "ae3_line_up") == 1
    assert value(line, "ae3_slots", state="passed") == 2
    assert value(line, "ae3_log_write_seconds_count") >= 2 * len(log)
    assert not any(run["serial"] in text for run in log for _, labels in line for _, text in labels)
    printed = station("metrics", "--config", config, "--data-dir", bench.data_dir)
    after = samples(printed.stdout.encode())
    assert counted(after) == counted(line)
    assert value(after, "ae3_line_up") == 0


def complete(found: Samples, runs: int) -> Samples | None:
    """The figures, once all runs are in them."""
    return found if sum(counted(found).values()) == runs else None


def passed_images(attempt: dict[str, Any]) -> list[dict[str, Any]]:
    """The images that tell a write rate (a blank camera's are written whole)."""
    return attempt["images"] if attempt["outcome"] == "PASS" else []


def test_a_port_that_is_taken_costs_no_camera_anything(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench([camera(1)])
    config = tmp_path / "station.toml"
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        config.write_text(f"[metrics]\nport = {port}\n")
        with bench.station("--config", config) as running:
            assert running.run()["outcome"] == "PASS"
            wait_for(lambda: any("no metrics: port" in line for line in list(running.talk)), "the note")
            running.interrupt()
            assert running.end() == 130
    assert json.dumps(port) in next(line for line in running.talk if "no metrics" in line)
