"""A whole line of virtual cameras in processes of their own, for `--simulate`, tests and measurements.

The cameras are split over a few processes (shards), because one interpreter cannot serve many at full speed.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import IO, Any

from station.errors import StationError
from station.json_lines import JsonSocket
from station.sim.faults import Fault
from station.sim.partitions import alt_of
from station.sim.serve import CONTROL_SOCKET
from station.sim.spec import CameraSpec, save_specs
from station.sim.vhci import spread

_START_LIMIT_S = 60.0
_ANSWER_LIMIT_S = 30.0
_END_LIMIT_S = 5.0
_POLL_S = 0.01


class SimulationError(StationError):
    """The simulation refused a command, or ended by itself."""

    def __init__(self, message: str) -> None:
        super().__init__("station.internal", message)


class ControlClient:
    """One connection to a bench's control socket. Every answer is waited for `limit_s` at most."""

    def __init__(self, folder: str, limit_s: float = _ANSWER_LIMIT_S) -> None:
        self._link = JsonSocket.connected(os.path.join(folder, CONTROL_SOCKET), limit_s)

    def send(self, command: Mapping[str, Any]) -> None:
        """Send one command and do not wait (`watch`: read with `read`)."""
        self._link.send(command)

    def read(self) -> dict[str, Any]:
        """The next line; SimulationError when the bench is gone, TimeoutError after the limit."""
        answer = self._link.read()
        if answer is None:
            raise SimulationError("the simulation closed its control socket")
        return answer

    def ask(self, do: str, **keys: Any) -> dict[str, Any]:
        """One command and its answer; SimulationError when it is refused."""
        self.send({"do": do, **keys})
        answer = self.read()
        if "error" in answer:
            raise SimulationError(answer["error"])
        return answer

    def close(self) -> None:
        """Hang up."""
        self._link.close()


class _Shard:
    """One process with its folder and its share of the cameras."""

    def __init__(self, folder: str, specs: Sequence[CameraSpec], kernel: bool) -> None:
        os.mkdir(folder)
        self.folder = folder
        self.specs = specs
        spec_file = os.path.join(folder, "cameras.json")
        save_specs(spec_file, specs)
        self._log: IO[bytes] = open(os.path.join(folder, "stderr"), "wb")  # noqa: SIM115 - as long as the process
        command = [sys.executable, "-m", "station.sim.serve", "--dir", folder, "--spec", spec_file]
        self.process = subprocess.Popen(
            command + ["--kernel"] * kernel,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=_environment(),
        )
        self.control: ControlClient | None = None

    def wait_ready(self, limit_s: float) -> None:
        """Until it listens; SimulationError with what it said when it does not."""
        assert self.process.stdout is not None
        said = select.select([self.process.stdout], [], [], limit_s)[0] and self.process.stdout.readline()
        if said == b"ready\n":
            self.control = ControlClient(self.folder)
            return
        with open(self._log.name, errors="replace") as log:
            raise SimulationError(f"the simulation did not start within {limit_s:g} s: {log.read()[-2000:]}")

    def close(self) -> None:
        """End the process: first its standard input, then by force."""
        if self.control is not None:
            self.control.close()
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(_END_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(_END_LIMIT_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._log.close()


class VirtualLine:
    """Context manager: starts the shards, ends them, removes their folders.

    A camera is named by its port path, or by its serial where no other has the same. `kernel` attaches them to a real
    kernel's vhci-hcd. Cameras whose spec says `plugged=False` wait for `plug` or `plug_all`.
    """

    def __init__(self, specs: Sequence[CameraSpec], shards: int = 2, kernel: bool = False) -> None:
        if kernel:
            specs = [
                spec if spec.vhci_port is not None else spec.with_(vhci_port=spread(index))
                for index, spec in enumerate(specs)
            ]
        self.specs = tuple(specs)
        self._kernel = kernel
        self._count = max(1, min(shards, len(specs)))
        self._shards: list[_Shard] = []
        self._root = ""

    def __enter__(self) -> VirtualLine:
        self._root = tempfile.mkdtemp(prefix="ae3-line-")
        try:
            for number in range(self._count):
                folder = os.path.join(self._root, str(number))
                self._shards.append(_Shard(folder, self.specs[number :: self._count], self._kernel))
            for shard in self._shards:
                shard.wait_ready(_START_LIMIT_S)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every process; nothing is left behind."""
        for shard in self._shards:
            shard.close()
        self._shards.clear()
        shutil.rmtree(self._root, ignore_errors=True)

    @property
    def addresses(self) -> list[str]:
        """The folder of each shard, with usbip.sock and control.sock."""
        return [shard.folder for shard in self._shards]

    @property
    def process_ids(self) -> list[int]:
        """The process of each shard."""
        return [shard.process.pid for shard in self._shards]

    def plug_all(self) -> None:
        """Power up every camera, as near to one moment as can be."""
        clients = [_client(shard) for shard in self._shards]
        for client in clients:
            client.send({"do": "plug"})
        for client in clients:
            answer = client.read()
            if "error" in answer:
                raise SimulationError(answer["error"])

    def plug(self, camera: str) -> None:
        """Power up one camera."""
        self._ask(camera, "plug")

    def unplug(self, camera: str) -> None:
        """Pull one camera out; it is off the bus when this returns."""
        self._ask(camera, "unplug")

    def replug(self, camera: str, off_s: float = 0.2) -> None:
        """Pull one camera out and plug it in again."""
        self._ask(camera, "replug", off_s=off_s)

    def exchange(self, spec: CameraSpec) -> None:
        """Put another camera in the place of the one at its port, which was pulled out, and plug it in."""
        shard, old = self._find(spec.port_path)
        shard.specs = tuple(spec if known is old else known for known in shard.specs)
        self.specs = tuple(spec if known is old else known for known in self.specs)
        _client(shard).ask("plug", camera=spec.to_json())

    def add_fault(self, camera: str, fault: Mapping[str, Any] | Fault) -> None:
        """Script one more fault into a running camera."""
        self._ask(camera, "fault", fault=fault.to_json() if isinstance(fault, Fault) else dict(fault))

    def state(self, camera: str) -> dict[str, Any]:
        """Everything about one camera (see the control protocol)."""
        return self._ask(camera, "state")

    def states(self) -> list[dict[str, Any]]:
        """The same of all cameras, in the order of the specs."""
        by_port = {
            state["port_path"]: state for shard in self._shards for state in _client(shard).ask("state")["cameras"]
        }
        return [by_port[spec.port_path] for spec in self.specs]

    def memory_sha256(self, camera: str, partition: str, size_bytes: int) -> str:
        """Digest of the first bytes of a partition, as they are in the camera's memory."""
        digest: str = self._ask(camera, "memory", partition=partition, length=size_bytes)["sha256"]
        return digest

    def dump_memory(self, camera: str, partition: str, path: str, size_bytes: int | None = None) -> None:
        """Write a partition, or its first bytes, to a file."""
        _, spec = self._find(camera)
        if size_bytes is None:
            size_bytes = spec.partitions[alt_of(spec.partitions, partition)].size_bytes
        self._ask(camera, "memory", partition=partition, length=size_bytes, path=path, **{"as": "file"})

    def wait_until(
        self, camera: str, condition: Callable[[dict[str, Any]], bool], limit_s: float = 30.0
    ) -> dict[str, Any]:
        """The first state for which `condition` holds; SimulationError with the last one after `limit_s`."""
        until_s = time.monotonic() + limit_s
        while not condition(state := self.state(camera)):
            if time.monotonic() > until_s:
                raise SimulationError(f"waited {limit_s:g} s in vain; the camera is {state}")
            time.sleep(_POLL_S)
        return state

    def _ask(self, camera: str, do: str, /, **keys: Any) -> dict[str, Any]:
        shard, spec = self._find(camera)
        return _client(shard).ask(do, port_path=spec.port_path, **keys)

    def _find(self, camera: str) -> tuple[_Shard, CameraSpec]:
        pairs = [(shard, spec) for shard in self._shards for spec in shard.specs]
        found = [pair for pair in pairs if pair[1].port_path == camera]
        found = found or [pair for pair in pairs if pair[1].serial == camera]
        if len(found) != 1:
            raise SimulationError(f"{len(found)} cameras are called {camera!r}; a port path names one")
        return found[0]


def _client(shard: _Shard) -> ControlClient:
    if shard.control is None:
        raise SimulationError("the simulation is not running")
    return shard.control


def _environment() -> dict[str, str]:
    """This process's environment, with the folder of this very package first on the path."""
    here = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    known = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": here if not known else os.pathsep.join((here, known))}
