"""A whole station (`station run`) with virtual cameras, and hands that change them."""

from __future__ import annotations

import queue
import random
import signal
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from station.ledger import shipping_state
from station.sim.spec import CameraSpec
from station.sim.virtual_line import VirtualLine
from tests.harness import FILES, Station
from tests.torture.bench import ENVIRONMENT, LIMIT_S
from tests.torture.tray import Tray

HAND_S = (0.5, 4.0)
"""How long a finished camera stays in its slot."""
SOUND_SHARE = 0.8
SAMPLE_S = 0.25


class Drawer:
    """Cameras that passed somewhere, for any station to be put into again."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self._serials: list[str] = []
        self._lock = threading.Lock()

    def put(self, serial: str) -> None:
        with self._lock:
            self._serials.append(serial)

    def taken(self) -> str | None:
        """One of them, now and then."""
        with self._lock:
            if not self._serials or self._dice.random() > 0.25:
                return None
            return self._serials.pop(self._dice.randrange(len(self._serials)))


@dataclass
class WholeStation:
    """One station until `end`; it may be killed and started again meanwhile."""

    number: int
    folder: Path
    release: Path
    url: str
    slots: int
    drawer: Drawer
    lag: list[tuple[float, int]] = field(default_factory=list)
    kills: int = 0

    def __post_init__(self) -> None:
        self.data_dir = self.folder / f"bench-{self.number}"
        self._dice = random.Random(f"station {self.number}")
        self._places = [
            CameraSpec(serial=f"{0:024X}", port_path=f"1-1.{slot + 1}", plugged=False) for slot in range(self.slots)
        ]
        self._line = VirtualLine(self._places, shards=1)
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=task, daemon=True) for task in (self._serve, self._look)]

    def start(self) -> None:
        """Plug the first cameras in, and go on by itself."""
        self._line.__enter__()
        sizes = {partition: (self.release / name).stat().st_size for partition, name in FILES.items()}
        # The serials of no two stations' cameras are the same.
        self._tray = Tray(self._line.addresses, self._places, sizes, self._dice, first_serial=self.number << 32)
        self._run()
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        sims = [word for folder in self._line.addresses for word in ("--sim", folder)]
        words: list[str | Path] = ["--bundle", self.release, "--data-dir", self.data_dir, "--batch", "T1", *sims]
        environment = {**ENVIRONMENT, "STATION_ID": f"bench-{self.number}", "STATION_CENTRAL__URL": self.url}
        self._station = Station(words, environment)

    def kill(self) -> None:
        """As a power cut does; and start it again."""
        with self._lock:
            self.kills += 1
            self._station.process.kill()
            self._station.end(LIMIT_S)
            self._run()

    def _look(self) -> None:
        while not self._ending.wait(SAMPLE_S):
            self.lag.append((time.time(), shipping_state.read(self.data_dir).waiting))

    def _serve(self) -> None:
        """Take out what is finished and put another camera in; a slot that says nothing for long too."""
        due: dict[str, float] = dict.fromkeys(self._tray.ports, 0.0)
        while not self._ending.is_set():
            with suppress(queue.Empty, AssertionError):
                run = self._station.run(0.1)
                if run["outcome"] == "PASS":
                    self.drawer.put(run["serial"])
                # The run of a camera that was taken out meanwhile says nothing of the one that is there now.
                there = self._tray.there.get(run["port_path"])
                if there is not None and there.spec.serial == run["serial"]:
                    due[run["port_path"]] = time.monotonic() + self._dice.uniform(*HAND_S)
            now_s = time.monotonic()
            for port in [port for port, at_s in due.items() if at_s <= now_s]:
                sound = self._dice.random() < SOUND_SHARE
                self._tray.next_camera(port, sound=sound, serial=self.drawer.taken())
                due[port] = now_s + LIMIT_S

    def end(self) -> None:
        """Let it finish what it has begun."""
        self._ending.set()
        for thread in self._threads:
            thread.join(LIMIT_S)
        with self._lock:
            self._station.interrupt(signal.SIGTERM)
            self._station.end(LIMIT_S)
        self._tray.close()
        self._line.__exit__(None, None, None)
