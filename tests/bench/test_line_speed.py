"""How near the line comes to the speed of the cameras: ratios, measured side by side. `tests/run -m bench -s`.

Nothing here asserts a time; what is asserted is that every measured run passed. The figures go to stdout and, as
JSON, to the file that STATION_BENCH_OUTPUT names.
"""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from station.sim.spec import CameraSpec, Content
from station.sim.virtual_line import VirtualLine
from tests.harness import Bench, Station, descendants
from tests.releases import make_demo_release

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1200)]

BOOT_S = 0.5
MIB = 1024 * 1024
REFLASH = {"STATION_RUN__ALREADY_PASSED": "reflash"}


@pytest.fixture(scope="module")
def full_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of real size: 2.5 MiB HP, 1 MiB HE, 256 KiB ROMFS1, 12 MiB ROMFS0."""
    folder = tmp_path_factory.mktemp("full")
    make_demo_release(folder)
    return folder


def cameras(count: int, **changes: Any) -> list[CameraSpec]:
    specs = []
    for number in range(count):
        path = f"1-{1 + number // 8}.{1 + number % 8}"
        spec = CameraSpec(serial=f"{0xBE0C00000000000000000000 + number:024X}", port_path=path, boot_s=BOOT_S)
        specs.append(spec.with_(plugged=False, **changes))
    return specs


@contextmanager
def bench_of(specs: Sequence[CameraSpec], folder: Path, release: Path) -> Iterator[Bench]:
    with VirtualLine(specs, shards=2) as line:
        yield Bench(line, folder, release)


class Measured:
    """One station over some cameras, from the moment they are plugged in."""

    def __init__(self, bench: Bench, *, shared_memory: bool = False) -> None:
        count = len(bench.line.specs)
        self.pss_mib: list[float] = []
        with bench.station(environment=REFLASH, plug=False) as running:
            before_s = cpu_s(running)
            bench.line.plug_all()
            if shared_memory:
                bench.line.wait_until(bench.line.specs[-1].port_path, lambda state: state["blocks_written"], 120)
                self.pss_mib = [pss_mib(pid) for pid in running.processes("w ")]
            self.runs = running.runs(count, limit_s=900)
            self.cpu_s = cpu_s(running) - before_s
            running.interrupt()
            running.end()
        self.states = bench.line.states()
        assert {run["outcome"] for run in self.runs} == {"PASS"}, self.runs

    @property
    def wall_s(self) -> float:
        """The longest run, from the held camera to the finished run."""
        return float(max(run["duration_s"] for run in self.runs))

    @property
    def limit_s(self) -> float:
        """What the slowest camera itself needed: its busy time and its boot."""
        return float(max(state["busy_s"] for state in self.states)) + BOOT_S

    @property
    def written_mib(self) -> float:
        images = [image for run in self.runs for image in run["attempts"][-1]["images"]]
        return float(sum(image["size_bytes"] for image in images) / MIB)

    @property
    def hold_s(self) -> list[float]:
        """From configuration to the attached state, as each camera saw it."""
        return sorted(state["sessions"][0]["held_latency_s"] for state in self.states)


def cpu_s(running: Station) -> float:
    """CPU seconds of a station and its living children."""
    ticks = 0
    for pid in [running.process.pid, *descendants(running.process.pid)]:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def pss_mib(pid: int) -> float:
    """Proportional memory of one process."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no Pss")


def report(name: str, **figures: float | list[float]) -> None:
    """Print one measurement, and append it to the output file if there is one."""
    print(f"\n{name}: " + ", ".join(f"{key} {value}" for key, value in figures.items()))
    if output := os.environ.get("STATION_BENCH_OUTPUT"):
        with Path(output).open("a") as file:
            file.write(json.dumps({"name": name, **figures}) + "\n")


@pytest.mark.parametrize("profile", ["mram", "nor"])
def test_one_camera_and_sixteen(profile: str, tmp_path: Path, full_release: Path) -> None:
    with bench_of(cameras(1, profile=profile), tmp_path / "one", full_release) as bench:
        one = Measured(bench)
    with bench_of(cameras(16, profile=profile), tmp_path / "sixteen", full_release) as bench:
        sixteen = Measured(bench, shared_memory=True)
    report(
        profile,
        one_wall_s=round(one.wall_s, 1),
        one_over_limit=round(one.wall_s / one.limit_s, 3),
        sixteen_over_one=round(sixteen.wall_s / one.wall_s, 3),
        cpu_s_per_mib=round(sixteen.cpu_s / sixteen.written_mib, 4),
        worker_pss_mib=round(statistics.mean(sixteen.pss_mib), 1),
    )


def test_a_re_run_writes_only_what_differs(tmp_path: Path, full_release: Path) -> None:
    with bench_of(cameras(1, profile="nor"), tmp_path / "full", full_release) as bench:
        full = Measured(bench)
        bench.line.unplug(bench.line.specs[0].serial)
        again = Measured(bench)
    rest = tuple(Content(name, str(full_release / file)) for name, file in PARTLY.items())
    lost = (*rest, Content("ROMFS0", str(full_release / "romfs0.img"), 0.9))
    with bench_of(cameras(1, profile="nor", contents=lost), tmp_path / "lost", full_release) as bench:
        repaired = Measured(bench)
    report(
        "re-run, nor",
        full_s=round(full.wall_s, 1),
        power_lost_at_90_percent=round(repaired.wall_s / full.wall_s, 3),
        already_flashed=round(again.wall_s / full.wall_s, 3),
    )


PARTLY = {"HP": "firmware_M55_HP.bin", "HE": "firmware_M55_HE.bin", "ROMFS1": "romfs1.img"}


def test_thirty_two_at_the_same_moment(tmp_path: Path, full_release: Path) -> None:
    with bench_of(cameras(32, profile="nor", scale=0.05), tmp_path / "many", full_release) as bench:
        many = Measured(bench)
    hold_s = many.hold_s
    report(
        "32 at once, nor / 20",
        passed=float(len(many.runs)),
        hold_p50_ms=round(statistics.median(hold_s) * 1000, 1),
        hold_p99_ms=round(hold_s[-1] * 1000, 1),
        wall_s=round(many.wall_s, 1),
    )
