"""Ports, power and enumeration: the hub that cameras are plugged into, and the host's kernel behind it.

One thread does what time makes due: it ends windows, starts applications, and tells the host side when a camera came
onto the bus or left it. The host side is either `VirtualHost` here, which enumerates, or a real kernel.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from station.errors import SettingsError
from station.sim.camera import Camera
from station.sim.spec import CameraSpec


class Outlet(Protocol):
    """A way to the device of a port: a USB/IP connection, or its serial port as a pseudo-terminal."""

    def pump(self) -> None:
        """The device may have something to say."""

    def close(self) -> None:
        """The device is gone."""


class Port:
    """One port with the camera that is plugged into it or was last."""

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.port_path = camera.spec.port_path
        self.seen: int | None = None
        """Which appearance of the camera the host knows of."""
        self.links: set[Outlet] = set()
        self.links_lock = threading.Lock()
        self.tty: str | None = None
        """The serial port of the application, where no kernel makes one."""

    def pump_links(self) -> None:
        """Send what the device has to say by itself."""
        with self.links_lock:
            for link in self.links:
                link.pump()

    def close_links(self) -> None:
        """Every open connection to the device ends: it is gone."""
        with self.links_lock:
            for link in self.links:
                link.close()
            self.tty = None


class Host(Protocol):
    """What sees cameras come and go; called from the hub's thread, with its lock held."""

    def appeared(self, port: Port) -> None:
        """A camera pulled its line up."""

    def vanished(self, port: Port) -> None:
        """A camera is off the bus: its links have to be closed."""

    def step(self, port: Port, now: float) -> float | None:
        """Do what is due at this port; when to be called again, None when nothing is planned."""


class Hub:
    """All ports of one process. Every method may be called from any thread; it is closed by `close`."""

    def __init__(self, host: Host, clock: Callable[[], float] = time.monotonic) -> None:
        self._host = host
        self._clock = clock
        self._ports: dict[str, Port] = {}
        self._changed = threading.Condition(threading.RLock())
        self._poked = False
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="sim-hub", daemon=True)
        self._thread.start()

    def add(self, specs: Iterable[CameraSpec]) -> None:
        """Put cameras at their ports and power those that are plugged; SettingsError for a port that is taken."""
        for spec in specs:
            with self._changed:
                old = self._ports.get(spec.port_path)
                if old is not None and old.camera.connection is not None:
                    raise SettingsError("settings.invalid", f"port {spec.port_path} already has a camera plugged in")
                if old is not None:
                    self._settle(old)
                self._ports[spec.port_path] = Port(Camera(spec, self._clock))
            if spec.plugged:
                self.plug(spec.port_path)

    def port(self, port_path: str) -> Port:
        """The port; SettingsError for one where no camera is or was."""
        with self._changed:
            port = self._ports.get(port_path)
        if port is None:
            raise SettingsError("settings.invalid", f"no camera at port {port_path!r}, there are: {self.port_paths()}")
        return port

    def port_paths(self) -> tuple[str, ...]:
        """All ports that have or had a camera."""
        with self._changed:
            return tuple(self._ports)

    def plug(self, port_path: str, forced: bool | None = None) -> None:
        """Power up the camera of a port; nothing happens when it is on."""
        camera = self.port(port_path).camera
        with camera.lock:
            camera.power_on(forced)
        self.poke()

    def unplug(self, port_path: str) -> None:
        """Take the power from a port; it is off the bus when this returns."""
        port = self.port(port_path)
        with port.camera.lock:
            port.camera.power_off()
        with self._changed:
            self._settle(port)

    def poke(self) -> None:
        """Something changed in a camera: look again, now."""
        with self._changed:
            self._poked = True
            self._changed.notify()

    def close(self) -> None:
        """Power off everything and stop."""
        for port_path in self.port_paths():
            self.unplug(port_path)
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        with self._changed:
            while not self._closing:
                self._poked = False
                due = [at_s for port in list(self._ports.values()) if (at_s := self._settle(port)) is not None]
                if not self._poked:
                    self._changed.wait(max(0.0, min(due) - self._clock()) if due else None)

    def _settle(self, port: Port) -> float | None:
        """Bring one camera and the host's view of it up to date; when to come again."""
        camera = port.camera
        with camera.lock:
            due_s = camera.due_s
            spoke = due_s is not None and due_s <= self._clock()
            camera.advance()
            connection = camera.connection
        if spoke:
            port.pump_links()
        if port.seen != connection:
            if port.seen is not None:
                self._host.vanished(port)
            port.seen = connection
            if connection is not None:
                self._host.appeared(port)
        host_s = self._host.step(port, self._clock())
        with camera.lock:
            times = [at_s for at_s in (host_s, camera.due_s) if at_s is not None]
        return min(times) if times else None
