"""What the rig's sessions work with, inside the guest: cameras on the kernel's ports, stations, dfu-util, results."""

from __future__ import annotations

import hashlib
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from station.sim.faults import Fault
from station.sim.spec import CameraSpec, Content
from station.sim.vhci import kernel_port_path, spread
from station.sim.virtual_line import VirtualLine
from tests.harness import FILES, Process, Station, wait_for
from tests.releases import make_demo_release
from tests.rig.vhci import detach
from tests.rig.zygote import Zygote

PORTS = 16
RUN_LIMIT_S = 150.0
SIZES = {"hp_bytes": 41_003, "he_bytes": 20_480, "romfs1_bytes": 9_001, "romfs0_bytes": 256 * 1024 + 100}
"""Sizes that end in the middle of a block and of 16 bytes; small, because every block costs milliseconds here."""
SYSFS = Path("/sys/bus/usb/devices")
RULE = Path(__file__).resolve().parents[2] / "deploy/udev/70-openmv-ae3.rules"
RULE_HERE = Path("/run/udev/rules.d") / RULE.name
"""Of the guest alone, in every guest: in the one at native speed `/etc` begins as the machine's."""


class RigLine(VirtualLine):
    """Cameras on real kernel ports, exchanged from case to case: starting a simulation takes seconds here."""

    def put(self, spec: CameraSpec) -> None:
        """Another camera in the place of the one at its port, which has to be off the bus."""
        self._ask(spec.port_path, "plug", camera=spec.to_json())


def serial(number: int) -> str:
    """A serial like a chip's; what the application packs of it (the first six bytes) differs too."""
    return f"A1B2C3D4E5{number:02X}0718293A00{number:02X}"


def fault(**raw: Any) -> tuple[Fault, ...]:
    """One fault, in the fault language."""
    return (Fault.from_json(raw),)


class Workbench:
    """Sixteen ports of the kernel, and what works on them."""

    def __init__(self, scratch: Path, results: Path) -> None:
        self._results = results
        self.scratch = scratch
        self.paths = [kernel_port_path(spread(number)) for number in range(PORTS)]
        self.zygote = Zygote()
        self.release = scratch / "release"
        make_demo_release(self.release, version="4.7.0", **SIZES)
        self.contents = {name: (self.release / file).read_bytes() for name, file in FILES.items()}
        self.line = RigLine([self.camera(number) for number in range(PORTS)], kernel=True)
        self._folders = 0

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Cameras and zygote for the length of the block."""
        try:
            with self.line:
                self.zygote.wait_ready()
                yield
        finally:
            self.zygote.close()

    # --- cameras ----------------------------------------------------------------------------------------------------

    def camera(self, number: int, *, forced: bool = True, **changes: Any) -> CameraSpec:
        """A camera at port `number`, not plugged in.

        It is forced into its bootloader at every power-up, so that nothing here rests on how fast an emulated machine
        is; where the 1.5 s are the question, `forced` is False.
        """
        spec = CameraSpec(
            serial=serial(number),
            port_path=self.paths[number],
            vhci_port=spread(number),
            boot_s=0.1,
            forced=forced,
            configure_window_s=30.0,
            trace=True,
            plugged=False,
        )
        return spec.with_(**changes)

    def firmware(self) -> tuple[Content, ...]:
        """Contents of a camera that was flashed already: both firmware images of the release."""
        return tuple(Content(name, str(self.release / FILES[name])) for name in ("HP", "HE"))

    def put(self, *specs: CameraSpec) -> None:
        """Clear every port, then put these cameras there, switched off."""
        self.clear()
        for spec in specs:
            self.line.put(spec)

    def clear(self) -> None:
        """Pull every camera, and wait until the kernel and udev have noticed."""
        for path in self.paths:
            self.line.unplug(path)
        for path in self.paths:
            self.wait_gone(path)

    def wait_gone(self, path: str) -> None:
        """Until the kernel has no device at a port."""
        wait_for(lambda: not (SYSFS / path).exists(), f"{path} empty", 20)

    def plug(self, *numbers: int) -> None:
        """Power up cameras, one right after the other."""
        for number in numbers:
            self.line.plug(self.paths[number])

    def plug_held(self, number: int) -> str:
        """Power one up that stays in its bootloader; its port path, once it can be used."""
        path = self.paths[number]
        self.line.plug(path)
        wait_for(lambda: self.mode(path) == "96e3", f"{path} in DFU mode", 20)
        subprocess.run(["udevadm", "settle"], check=True)
        return path

    def pull(self, number: int) -> None:
        """Have the kernel drop a camera: to the camera that is a power cut."""
        detach(spread(number))

    def mode(self, path: str) -> str:
        """The product id that the kernel has at a port, "" for none."""
        with suppress(OSError):
            if (SYSFS / path / "bConfigurationValue").read_text().strip():
                return (SYSFS / path / "idProduct").read_text().strip()
        return ""

    def blocks_written(self, number: int, partition: str = "ROMFS0") -> int:
        """Blocks of one partition that the camera stored so far."""
        return int(self.line.state(self.paths[number])["blocks_written"].get(partition, 0))

    def wait_middle(self, number: int, least: int = 20) -> None:
        """Until a good part of ROMFS0 is written."""
        wait_for(lambda: self.blocks_written(number) >= least, f"{self.paths[number]} in the middle")

    # --- stations ---------------------------------------------------------------------------------------------------

    def data_dir(self) -> Path:
        """A new folder for a log, on a file system of the guest: sockets cannot be made in a shared folder."""
        self._folders += 1
        return self.scratch / f"data{self._folders}"

    @contextmanager
    def station(
        self, *words: str | Path, data_dir: Path | None = None, start: Callable[..., Process] | None = None, **more: str
    ) -> Iterator[Station]:
        """A running station; the block begins when cameras may come."""
        folder = data_dir or self.data_dir()
        arguments = ["--bundle", self.release, "--data-dir", folder, *words]
        running = Station(arguments, more, start or self.zygote.start)
        try:
            wait_for(lambda: any("ready" in line for line in running.talk) or running.process.poll() is not None, "up")
            yield running
        finally:
            if running.process.poll() is None:
                running.process.kill()
            running.end()

    def slots_file(self, *numbers: int) -> Path:
        """A configuration in which only these ports are slots."""
        file = self.scratch / f"slots{time.monotonic_ns()}.toml"
        lines = [f'A{number} = "{self.paths[number]}"' for number in numbers]
        file.write_text("\n".join(["[slots]", *lines, ""]))
        return file

    # --- proof ------------------------------------------------------------------------------------------------------

    def prove(self, run: dict[str, Any]) -> None:
        """A PASS: what the log says was sent and read back, what the file holds and what the camera holds are one."""
        assert (run["outcome"], run["code"]) == ("PASS", None), run
        images = run["attempts"][-1]["images"]
        assert [image["partition"] for image in images] == list(FILES), images
        for image in images:
            content = self.contents[image["partition"]]
            kept = self.line.memory_sha256(run["port_path"], image["partition"], len(content))
            found = {image["sha256"], image["readback_sha256"], kept, hashlib.sha256(content).hexdigest()}
            assert len(found) == 1, f"{image}, in the camera {kept}"

    def dfu_util(self, *words: str | Path, good: Sequence[int] = (0,)) -> subprocess.CompletedProcess[str]:
        """Debian's dfu-util."""
        command = ["dfu-util", "-d", "37c5:96e3", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_LIMIT_S, check=False)
        assert done.returncode in good, (command, done.returncode, done.stdout, done.stderr)
        return done

    @contextmanager
    def udev_log(self) -> Iterator[Callable[[], dict[str, float]]]:
        """Watch udev during the block; the function gives when it announced each port's first `add`, monotonic."""
        with tempfile.TemporaryFile("w+") as file:
            command = ["stdbuf", "-oL", "udevadm", "monitor", "--udev", "--subsystem-match=usb/usb_device"]
            process = subprocess.Popen(command, stdout=file)

            def read() -> dict[str, float]:
                file.seek(0)
                found: dict[str, float] = {}
                for line in file.read().splitlines():
                    if match := re.match(r"UDEV\s+\[([\d.]+)\] add\s+\S+/([\d.-]+) ", line):
                        found.setdefault(match[2], float(match[1]))
                return found

            try:
                yield read
            finally:
                process.terminate()
                process.wait()

    # --- results ----------------------------------------------------------------------------------------------------

    @contextmanager
    def case(self, name: str) -> Iterator[dict[str, Any]]:
        """One case: what happens in the block decides it; the dictionary takes what is worth reporting."""
        facts: dict[str, Any] = {}
        error, started_s = "", time.monotonic()
        try:
            yield facts
        except Exception:
            error = traceback.format_exc()
        self.write({"case": name, "error": error, "duration_s": time.monotonic() - started_s, "facts": facts})

    def session(self, session: Callable[[Workbench], None]) -> None:
        """Run one session; what breaks it breaks the cases that it has not decided yet."""
        started_s, error = time.monotonic(), ""
        try:
            session(self)
        except Exception:
            error = traceback.format_exc() + _kernel_log()
        duration_s = time.monotonic() - started_s
        self.write({"session": session.__name__, "error": error, "duration_s": duration_s})

    def write(self, result: dict[str, Any]) -> None:
        """One line more, at once: a guest that hangs later takes nothing back."""
        with self._results.open("a") as file:
            file.write(json.dumps(result) + "\n")
        print(f"{time.monotonic():7.1f}", json.dumps(result), flush=True)


def collect(running: Station, count: int, limit_s: float = RUN_LIMIT_S) -> dict[str, list[dict[str, Any]]]:
    """Finished runs by port path, until there are `count` or the time is over."""
    found: dict[str, list[dict[str, Any]]] = {}
    until_s = time.monotonic() + limit_s
    for _ in range(count):
        try:
            run = running.run(max(0.1, until_s - time.monotonic()))
        except (queue.Empty, AssertionError):
            break
        found.setdefault(run["port_path"], []).append(run)
    return found


def spawn_as(user: str) -> Callable[[Sequence[str], dict[str, str]], Process]:
    """Start a station in a new interpreter as an ordinary user."""

    def start(words: Sequence[str], environment: dict[str, str]) -> Process:
        return subprocess.Popen(
            ["runuser", "-u", user, "--", sys.executable, "-m", "station", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    return start


def install_rule(*, installed: bool) -> None:
    """With or without the station's udev rule, in force for whatever is plugged in next."""
    if installed:
        RULE_HERE.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(RULE, RULE_HERE)
    else:
        RULE_HERE.unlink(missing_ok=True)
    subprocess.run(["udevadm", "control", "--reload"], check=True)


def open_to_all(path: str) -> None:
    """Let an ordinary user reach the shared folders below root's home."""
    for folder in Path(path).parents:
        mode = os.stat(folder).st_mode
        if mode & 0o055 != 0o055:
            os.chmod(folder, mode | 0o055)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that so large a share of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(len(ordered) * share * 100) // 100) - 1))]


def _kernel_log() -> str:
    done = subprocess.run(["dmesg"], capture_output=True, text=True, check=False)
    return "\n--- kernel ---\n" + "\n".join(done.stdout.splitlines()[-40:])
