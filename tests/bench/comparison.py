"""The station beside dfu-util, in the rig's guest: wall time and CPU time, one way after the other in one boot.

Run it inside the guest: `python -m tests.bench.comparison OUTPUT.json`; `tests/run -m bench -k dfu_util` does that. The
cameras wait in their bootloaders without a time limit (as after a reboot into it): both sides have the same task.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from station.sim.spec import CameraSpec
from station.sim.virtual_line import VirtualLine

RELEASE = ("firmware_M55_HP.bin", "firmware_M55_HE.bin", "romfs1.img", "romfs0.img")
ALTS = (1, 2, 3, 6)
COUNTS = tuple(map(int, os.environ.get("COMPARISON_COUNTS", "1,4,16").split(",")))
PROFILES = tuple(os.environ.get("COMPARISON_PROFILES", "instant,mram").split(","))
ONE_AFTER_ANOTHER = {("instant", 1), ("mram", 1), ("mram", 16)}
"""The profiles and counts that are measured that way, too: it takes minutes, and the others tell nothing more."""
BOOT_S = 1.0
LIMIT_S = 600.0
SAME_WORK = '[run]\nalready_passed = "reflash"\nverify = false\nconfirm_boot = "off"\nwrite = "all"\n'
WHOLE_PROOF = '[run]\nalready_passed = "reflash"\n'
STATION = (sys.executable, "-m", "station")


def specs(count: int, profile: str) -> list[CameraSpec]:
    return [
        CameraSpec(
            serial=f"{0xD0F000000000000000000000 + number:024X}",
            port_path=f"1-{number + 1}",
            profile=profile,
            boot_s=BOOT_S,
            forced=True,
            configure_window_s=30.0,  # the guest's kernel enumerates slowly
        )
        for number in range(count)
    ]


def busy_ticks() -> int:
    """All CPU time of this guest since its boot, idle and waiting left out."""
    user, nice, system, _, _, irq, softirq = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:8])
    return user + nice + system + irq + softirq


def process_ticks(pids: Sequence[int]) -> int:
    ticks = 0
    for pid in pids:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks


def document_recipe(port_path: str, release: Path) -> list[list[str]]:
    """The four commands of the camera's documentation, the reset on the last."""
    commands = []
    for alt, name in zip(ALTS, RELEASE, strict=True):
        command = ["dfu-util", "-p", port_path, "-d", ",37C5:96E3", "-a", str(alt), "-D", str(release / name)]
        commands.append([*command, "-R"] if alt == ALTS[-1] else command)
    return commands


def one_after_another(ports: Sequence[str], release: Path) -> None:
    for port in ports:
        for command in document_recipe(port, release):
            subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=False)


def shells_at_once(ports: Sequence[str], release: Path) -> None:
    lines = ["; ".join(" ".join(command) for command in document_recipe(port, release)) for port in ports]
    shells = [
        subprocess.Popen(["sh", "-c", line], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for line in lines
    ]
    for shell in shells:
        shell.wait(LIMIT_S)


def station_flash(bundle: str, data_dir: Path, name: str, settings: str) -> Callable[[Sequence[str], Path], None]:
    config = data_dir / f"{name}.toml"
    config.write_text(settings)

    def flash(ports: Sequence[str], _release: Path) -> None:
        done = subprocess.run(
            [*STATION, "flash", bundle, "--all", "--config", str(config), "--data-dir", str(data_dir), "--json"],
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        outcomes = [json.loads(line)["outcome"] for line in done.stdout.splitlines()]
        assert outcomes == ["PASS"] * len(ports), (outcomes, done.stderr)

    return flash


def measured(way: Callable[[Sequence[str], Path], None], count: int, profile: str, release: Path) -> dict[str, float]:
    """One way to flash `count` blank cameras: seconds of wall and CPU time, the cameras' own CPU time left out."""
    with VirtualLine(specs(count, profile), shards=2, kernel=True) as line:
        states = wait_for_all(line, count)
        ports = [state["kernel_port_path"] for state in states]
        cpu, sim = busy_ticks(), process_ticks(line.process_ids)
        started_s = time.monotonic()
        way(ports, release)
        wall_s = time.monotonic() - started_s
        cpu = busy_ticks() - cpu - (process_ticks(line.process_ids) - sim)
        check(line, release)
    return {"wall_s": round(wall_s, 2), "cpu_s": round(cpu / os.sysconf("SC_CLK_TCK"), 2)}


def wait_for_all(line: VirtualLine, count: int) -> list[dict[str, Any]]:
    """Until udev has finished with every camera."""
    until_s = time.monotonic() + 60
    states = line.states()
    while not all(state["configured"] for state in states):
        assert time.monotonic() < until_s, f"not all of {count} cameras were configured"
        time.sleep(0.05)
        states = line.states()
    subprocess.run(["udevadm", "settle"], check=False, timeout=60)
    return states


def check(line: VirtualLine, release: Path) -> None:
    """Whoever wrote them: every camera holds the release, byte for byte."""
    import hashlib

    for partition, name in zip(("HP", "HE", "ROMFS1", "ROMFS0"), RELEASE, strict=True):
        content = (release / name).read_bytes()
        wanted = hashlib.sha256(content).hexdigest()
        for spec in line.specs:
            assert line.memory_sha256(spec.port_path, partition, len(content)) == wanted, (spec.serial, partition)


def main() -> None:
    output, release = Path(sys.argv[1]), Path(sys.argv[2])
    data_dir = Path(tempfile.mkdtemp(prefix="ae3-comparison-"))
    imported = subprocess.run(
        [*STATION, "bundle", "import", str(release), "--name", "bench", "--data-dir", str(data_dir)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert imported.returncode == 0, imported.stderr
    subprocess.run([*STATION, "db", "upgrade", "--data-dir", str(data_dir)], capture_output=True, check=False)
    ways: dict[str, Callable[[Sequence[str], Path], None]] = {
        "dfu-util, one after another": one_after_another,
        "dfu-util, shells at once": shells_at_once,
        "station, the same work": station_flash("bench", data_dir, "same", SAME_WORK),
        "station, with the whole proof": station_flash("bench", data_dir, "whole", WHOLE_PROOF),
    }
    rows = []
    for profile in PROFILES:
        for count in COUNTS:
            for name, way in ways.items():
                if way is one_after_another and (profile, count) not in ONE_AFTER_ANOTHER:
                    continue
                row = {"profile": profile, "cameras": count, "way": name, **measured(way, count, profile, release)}
                print(row, flush=True)
                rows.append(row)
                output.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
