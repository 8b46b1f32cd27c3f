"""The station beside dfu-util, in the rig's guest: wall time and CPU time, one way after the other in one boot.

Run it inside the guest: `python -m tests.bench.comparison OUTPUT.json RELEASE`; `tests/run -m bench -k dfu_util` does
that. Each way is measured in two parts. *Start*, once a shift: until cameras may come. *Line*, what an operator feels:
from plugging N blank cameras in to the last result, and CPU seconds of everything but the virtual cameras. dfu-util
waits (`-w`) in one shell a camera and runs the four commands of the camera's documentation.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

from station.sim.spec import CameraSpec
from station.sim.vhci import kernel_port_path, spread
from station.sim.virtual_line import VirtualLine
from tests.harness import Station, wait_for
from tests.rig.workbench import install_rule

RELEASE = {"HP": "firmware_M55_HP.bin", "HE": "firmware_M55_HE.bin", "ROMFS1": "romfs1.img", "ROMFS0": "romfs0.img"}
ALTS = (1, 2, 3, 6)
COUNTS = tuple(map(int, os.environ.get("COMPARISON_COUNTS", "1,8,16").split(",")))
PROFILES = tuple(os.environ.get("COMPARISON_PROFILES", "instant,mram").split(","))
WAYS = os.environ.get("COMPARISON_WAYS", "")
"""A pattern of the ways' names."""
ROUNDS = int(os.environ.get("COMPARISON_ROUNDS", "3"))
BOOT_S = 1.0
LIMIT_S = 300.0
QUIET_ROUNDS = 5
BESIDE = "dfu-util, a shell a camera"
NO_WAIT = {"STATION_RUN__BOOT_STAYS_S": "0"}
"""How long the application must stay is a wait, and no work."""
_AGAIN = 'already_passed = "reflash"\n'
_NO_TESTS = '[test]\nversion = "off"\nsensor = "off"\n'
SETTINGS = {
    "station, the same work": f'[run]\n{_AGAIN}verify = false\nconfirm_boot = "off"\nwrite = "all"\n{_NO_TESTS}',
    "station, the whole proof": f"[run]\n{_AGAIN}{_NO_TESTS}",
    "station, proof and tests": f"[run]\n{_AGAIN}",
}

Finish = Callable[[], None]
"""Returns when the last result is there."""
Way = Callable[[Sequence[str], Path], AbstractContextManager[Finish]]
"""Ready for cameras at these port paths, inside its block."""


def specs(count: int, profile: str) -> list[CameraSpec]:
    """Blank cameras that stay in their bootloaders: both sides have the same task."""
    return [
        CameraSpec(
            serial=f"{0xD0F000000000000000000000 + number:024X}",
            port_path=kernel_port_path(spread(number)),
            vhci_port=spread(number),
            profile=profile,
            boot_s=BOOT_S,
            forced=True,
            configure_window_s=30.0,
            plugged=False,
        )
        for number in range(count)
    ]


def busy_ticks() -> int:
    """All CPU time of this guest since its boot, idle and waiting left out."""
    user, nice, system, _, _, irq, softirq = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:8])
    return user + nice + system + irq + softirq


def process_ticks(pids: Sequence[int]) -> int:
    """CPU time of these processes since they began."""
    ticks = 0
    for pid in pids:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks


def ticks_by_name(cameras: Sequence[int]) -> Counter[str]:
    """CPU time of every process and kernel thread that is there, by its name: where the time goes."""
    found: Counter[str] = Counter()
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            pid, _, rest = file.read_text().partition(" (")
            name, _, rest = rest.rpartition(")")
            fields = rest.split()
            short = "cameras" if int(pid) in cameras else re.split("[ :/]", name)[0]
            found[short] += int(fields[11]) + int(fields[12])
    return found


def wait_quiet() -> None:
    """Until this guest has nothing to do: what a station loads after it said that it is ready is of its start."""
    until_s = time.monotonic() + LIMIT_S
    quiet = 0
    while quiet < QUIET_ROUNDS and time.monotonic() < until_s:
        before = busy_ticks()
        time.sleep(0.1)
        quiet = quiet + 1 if busy_ticks() - before <= 1 else 0


def document_recipe(port_path: str, release: Path) -> str:
    """The four commands of the camera's documentation, the reset on the last; the first waits for the camera."""
    commands = []
    for alt, name in zip(ALTS, RELEASE.values(), strict=True):
        wait, reset = " -w" if alt == ALTS[0] else "", " -R" if alt == ALTS[-1] else ""
        commands.append(f"dfu-util{wait} -p {port_path} -d ,37C5:96E3 -a {alt} -D {release / name}{reset}")
    return "; ".join(commands)


@contextmanager
def shells(ports: Sequence[str], release: Path) -> Iterator[Finish]:
    """One shell a camera, all at once."""
    waiting = [
        subprocess.Popen(["sh", "-c", document_recipe(port, release)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for port in ports
    ]
    for shell in waiting:
        assert shell.stdout
        while b"Waiting for device" not in shell.stdout.readline():
            assert shell.poll() is None, "dfu-util does not wait"

    def finish() -> None:
        for shell in waiting:
            shell.communicate(timeout=LIMIT_S)

    wait_quiet()
    yield finish


def line(bundle: Path, settings: str) -> Way:
    """`station run` with an imported bundle; each time with a log of its own. It has a worker a camera, as a line has
    after its first cameras."""

    @contextmanager
    def running(ports: Sequence[str], _release: Path) -> Iterator[Finish]:
        with tempfile.TemporaryDirectory(prefix="ae3-comparison-") as name:
            config = Path(name) / "station.toml"
            config.write_text(settings)
            words: list[str | Path] = ["--bundle", bundle, "--config", config, "--data-dir", Path(name) / "data"]
            station = Station(words, {**NO_WAIT, "STATION_LINE__WORKERS_SPARE": str(len(ports))})
            try:
                wait_for(lambda: any("ready" in said for said in station.talk), "the line", LIMIT_S)
                wait_quiet()
                yield lambda: _all_passed(station, len(ports))
            finally:
                station.interrupt()
                station.end()

    return running


def _all_passed(station: Station, count: int) -> None:
    runs = station.runs(count, LIMIT_S)
    print("    the last of them:", where_the_time_goes(runs[-1]), flush=True)
    assert [run["outcome"] for run in runs] == ["PASS"] * count, runs


def where_the_time_goes(run: dict[str, Any]) -> dict[str, float]:
    """Seconds of one run by what was done in them."""
    images = run["attempts"][-1]["images"]
    parts = {name: sum(image[name] for image in images) for name in ("write_s", "verify_s")}
    return {name: round(seconds, 2) for name, seconds in {"duration_s": run["duration_s"], **parts}.items()}


def measured(way: Way, count: int, profile: str, release: Path) -> dict[str, float]:
    """One way to flash `count` blank cameras: wall seconds of its start; wall and CPU seconds of a line that is up."""
    with VirtualLine(specs(count, profile), shards=count, kernel=True) as cameras:
        ports = [spec.port_path for spec in cameras.specs]
        started_s = time.monotonic()
        with way(ports, release) as finish:
            start_s = time.monotonic() - started_s
            ticks, theirs, before = busy_ticks(), process_ticks(cameras.process_ids), ticks_by_name(cameras.process_ids)
            plugged_s = time.monotonic()
            cameras.plug_all()
            finish()
            line_s = time.monotonic() - plugged_s
            ticks = busy_ticks() - ticks - (process_ticks(cameras.process_ids) - theirs)
            spent = ticks_by_name(cameras.process_ids) - before
        check(cameras, release)
    cpu_s = ticks / os.sysconf("SC_CLK_TCK")
    print("    CPU, hundredths of a second:", dict(spent.most_common(8)), flush=True)
    return {"start_s": round(start_s, 2), "line_s": round(line_s, 2), "cpu_s": round(cpu_s, 2)}


def check(cameras: VirtualLine, release: Path) -> None:
    """Whoever wrote them: every camera holds the release, byte for byte."""
    for partition, name in RELEASE.items():
        content = (release / name).read_bytes()
        wanted = hashlib.sha256(content).hexdigest()
        for spec in cameras.specs:
            assert cameras.memory_sha256(spec.port_path, partition, len(content)) == wanted, (spec.serial, partition)


def main() -> None:
    """Measure every way in turn, round by round, and write each row as soon as it is there."""
    output, release = Path(sys.argv[1]), Path(sys.argv[2])
    install_rule(installed=True)  # as on every station: the application's disk is nobody's
    ways: dict[str, Way] = {BESIDE: shells} | {name: line(release, text) for name, text in SETTINGS.items()}
    ways = {name: way for name, way in ways.items() if re.search(WAYS, name)}
    rows = []
    for number in range(ROUNDS):
        for profile in PROFILES:
            for count in COUNTS:
                for name, way in ways.items():
                    found = measured(way, count, profile, release)
                    row = {"round": number, "profile": profile, "cameras": count, "way": name, **found}
                    print(row, flush=True)
                    rows.append(row)
                    output.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
