"""A screen without a screen: the line's socket, line by line."""

from __future__ import annotations

import json
import queue
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from station.control.client import connected
from station.control.requests import Role
from tests.harness import LIMIT_S, wait_for


class Screenless:
    """One client of a line. Reads in a thread; `facts` are all lines but the snapshots."""

    def __init__(self, data_dir: Path, role: Role = Role.STEER) -> None:
        self._link = connected(data_dir, role)
        self._link.settimeout(None)
        self._snapshots: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.facts: list[dict[str, Any]] = []
        self.hung_up = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with suppress(OSError), self._link.makefile("r", encoding="utf-8") as lines:
            for line in lines:
                said = json.loads(line)
                if "snapshot" in said:
                    self._snapshots.put(said["snapshot"])
                else:
                    self.facts.append(said)
        self.hung_up.set()

    def ask(self, do: str, **given: object) -> None:
        """Send a request."""
        self.send(json.dumps({"do": do, **given}))

    def send(self, text: str) -> None:
        """Send a line as it is."""
        self._link.sendall(text.encode() + b"\n")

    def snapshot(self) -> dict[str, Any]:
        """The newest state."""
        self.ask("snapshot")
        return self._snapshots.get(timeout=LIMIT_S)

    def slot(self, port_path: str) -> dict[str, Any]:
        """The newest state of one slot; nothing while it is not known."""
        return next((slot for slot in self.snapshot()["slots"] if slot["port_path"] == port_path), {})

    def wait_for_state(self, port_path: str, *states: str) -> dict[str, Any]:
        """The slot's view once it is in one of these states."""
        wait_for(lambda: self.slot(port_path).get("state") in states, f"{port_path} is {states}")
        return self.slot(port_path)

    def fact(self, name: str) -> dict[str, Any]:
        """The first fact of a kind; waits for it."""
        found: dict[str, Any] = wait_for(lambda: [fact[name] for fact in self.facts if name in fact], name)[0]
        return found

    def close(self) -> None:
        """Leave."""
        with suppress(OSError):  # the line left first
            self._link.shutdown(socket.SHUT_RDWR)
        self._thread.join(LIMIT_S)
        self._link.close()
