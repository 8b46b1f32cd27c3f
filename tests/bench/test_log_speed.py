"""How long the log's questions take with a million runs in it. `tests/run -m bench -k log_speed -s`.

STATION_BENCH_LOG names a folder to keep the log in, so that it is made once; STATION_BENCH_OUTPUT a file for figures.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from station.ledger.database import FILE_NAME
from station.ledger.reader import Reader
from station.model.units import RunFilter
from tests.bench import big_log

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]

RUNS = 1_000_000
BATCH = big_log.batch_name(240)


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    kept = os.environ.get("STATION_BENCH_LOG")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("big")
    if not (folder / FILE_NAME).exists():
        big_log.make(folder, RUNS)
    return folder


@pytest.fixture
def reader(data_dir: Path) -> Iterator[Reader]:
    made = Reader(data_dir)
    yield made
    made.close()


def seconds(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def tell(figures: dict[str, float]) -> None:
    print(json.dumps(figures))
    if output := os.environ.get("STATION_BENCH_OUTPUT"):
        with Path(output).open("a") as file:
            file.write(json.dumps(figures) + "\n")


def test_reports(reader: Reader, data_dir: Path) -> None:
    reader.report()
    figures = {
        "log_mib": (data_dir / FILE_NAME).stat().st_size / 2**20,
        "report_of_a_batch_s": min(seconds(lambda: reader.report(RunFilter(batch=BATCH))) for _ in range(5)),
        "report_of_everything_s": min(seconds(reader.report) for _ in range(2)),
        "failed_of_everything_s": min(seconds(reader.failed) for _ in range(2)),
    }
    tell(figures)
    assert reader.report(RunFilter(batch=BATCH)).units_started > 1900
    assert figures["report_of_a_batch_s"] < 0.5
    assert figures["report_of_everything_s"] < 5
    assert figures["failed_of_everything_s"] < 5


def test_the_whole_command_that_reports_a_batch(data_dir: Path) -> None:
    """From the start of the process to its end. Other work on the machine shows in it."""
    command = [sys.executable, "-m", "station", "report", "--batch", BATCH, "--data-dir", str(data_dir)]
    times_s = [seconds(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)) for _ in range(15)]
    tell({"report_command_p50_s": statistics.median(times_s), "report_command_max_s": max(times_s)})


def test_the_interlock(reader: Reader) -> None:
    serials = [big_log.serial_of(number * 977) for number in range(900)]
    times_s = [seconds(lambda serial=serial: reader.history(serial, BATCH)) for serial in serials]  # type: ignore[misc]
    times_s.sort()
    tell({"interlock_p50_ms": statistics.median(times_s) * 1e3, "interlock_p99_ms": times_s[890] * 1e3})
    assert times_s[890] < 0.002
