"""The control socket of a bench: one JSON object a line, one line back for each.

`watch` turns the connection into a stream of events as well; `quit` ends the process. An error is
`{"error": "what is wrong"}` and changes nothing.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from station.errors import SettingsError, StationError
from station.file_problems import reason
from station.json_lines import LineBuffer, line_of, object_of
from station.sim.camera import Camera
from station.sim.faults import Fault
from station.sim.hub import Hub
from station.sim.partitions import Medium, alt_of
from station.sim.spec import CameraSpec
from station.sim.vhci import KernelHost, kernel_port_path, kernel_tty
from station.sim.virtual_host import VirtualHost, Watcher

_OFF_S = 0.2
_RECEIVE_BYTES = 1 << 16

COMMANDS: dict[str, set[str]] = {
    "watch": set(),
    "plug": {"port_path", "camera", "forced"},
    "unplug": {"port_path"},
    "replug": {"port_path", "off_s"},
    "power": {"port_path", "on"},
    "enter_bootloader": {"port_path"},
    "fault": {"port_path", "fault"},
    "state": {"port_path"},
    "memory": {"port_path", "alt", "partition", "offset", "length", "as", "path"},
    "quit": set(),
}
"""The commands with their keys. Without `port_path`, plug, unplug, power and state mean every camera."""


class Control:
    """Carries out commands; `serve_on` answers connections of a listening socket, each in a thread."""

    def __init__(self, hub: Hub, host: VirtualHost | KernelHost, quit_: Callable[[], None]) -> None:
        self._hub = hub
        self._host = host
        self._quit = quit_

    def serve_on(self, listener: socket.socket) -> None:
        """Accept connections until the listener is closed."""
        threading.Thread(target=self._accept, args=(listener,), name="control-accept", daemon=True).start()

    def carry_out(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """One command but `watch`; StationError says what is wrong with it."""
        do = command.get("do")
        if do not in COMMANDS or do == "watch":
            raise _refused(f"`do` is {do!r}, allowed: {', '.join(COMMANDS)}")
        unknown = set(command) - COMMANDS[do] - {"do"}
        if unknown:
            raise _refused(f"{do}: unknown key {sorted(unknown)[0]!r}, allowed: {', '.join(sorted(COMMANDS[do]))}")
        carry_out: Callable[[Mapping[str, Any]], dict[str, Any] | None] = {
            "plug": self._plug,
            "unplug": self._unplug,
            "replug": self._replug,
            "power": self._power,
            "enter_bootloader": self._enter_bootloader,
            "fault": self._fault,
            "state": self._state,
            "memory": self._memory,
            "quit": self._end,
        }[do]
        return {"done": do, **(carry_out(command) or {})}

    def _plug(self, command: Mapping[str, Any]) -> None:
        if "camera" in command:
            raw = dict(command["camera"])
            raw.setdefault("port_path", command.get("port_path"))
            self._hub.add([CameraSpec.from_json(raw)])
            return
        for port_path in self._ports(command):
            self._hub.plug(port_path, command.get("forced"))

    def _unplug(self, command: Mapping[str, Any]) -> None:
        for port_path in self._ports(command):
            self._hub.unplug(port_path)

    def _replug(self, command: Mapping[str, Any]) -> None:
        self._unplug(command)
        time.sleep(float(command.get("off_s", _OFF_S)))
        self._plug(command)

    def _power(self, command: Mapping[str, Any]) -> None:
        (self._plug if command.get("on", True) else self._unplug)(command)

    def _enter_bootloader(self, command: Mapping[str, Any]) -> None:
        camera = self._camera(command)
        with camera.lock:
            camera.enter_bootloader()
        self._hub.poke()

    def _fault(self, command: Mapping[str, Any]) -> None:
        camera, fault = self._camera(command), Fault.from_json(command.get("fault", {}))
        with camera.lock:
            camera.add_fault(fault)

    def _state(self, command: Mapping[str, Any]) -> dict[str, Any]:
        if "port_path" in command:
            return self._state_of(command["port_path"])
        return {"cameras": [self._state_of(port_path) for port_path in self._hub.port_paths()]}

    def _state_of(self, port_path: str) -> dict[str, Any]:
        port = self._hub.port(port_path)
        with port.camera.lock:
            state = port.camera.state() | {"tty": port.tty}
        if isinstance(self._host, KernelHost):
            number = self._host.number_of(port)
            path = kernel_port_path(number)
            state |= {"vhci_port": number, "kernel_port_path": path, "tty": kernel_tty(path)}
        return state

    def _memory(self, command: Mapping[str, Any]) -> dict[str, Any]:
        flash = self._camera(command).flash
        try:
            alt = alt_of(flash.table, command["partition"]) if "partition" in command else int(command["alt"])
            partition = flash.table[alt]
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise _refused(f"memory: needs `partition` or `alt` of one that exists ({error})") from error
        if partition.medium is Medium.RECOVERY:
            raise _refused("memory: RECOVERY stores nothing")
        offset = int(command.get("offset", 0))
        length = min(int(command.get("length", partition.size_bytes)), partition.size_bytes - offset)
        data = flash.memory_of(partition).read(partition.start + offset, length)
        return {"length": length, **_delivered(data, command.get("as", "sha256"), command.get("path"))}

    def _end(self, command: Mapping[str, Any]) -> None:
        """Nothing yet: the process ends when this is answered."""

    def _ports(self, command: Mapping[str, Any]) -> tuple[str, ...]:
        return (command["port_path"],) if "port_path" in command else self._hub.port_paths()

    def _camera(self, command: Mapping[str, Any]) -> Camera:
        if "port_path" not in command:
            raise _refused(f"{command['do']}: `port_path` is missing")
        return self._hub.port(command["port_path"]).camera

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._converse, args=(sock,), name="control", daemon=True).start()

    def _converse(self, sock: socket.socket) -> None:
        watchers: list[Watcher] = []
        sending = threading.Lock()
        try:
            with sock:
                buffer = LineBuffer()
                while received := sock.recv(_RECEIVE_BYTES):
                    buffer.take(received)
                    for line in buffer.lines():
                        self._answer(line, sock, sending, watchers)
        except (OSError, ValueError):
            return  # gone, or it sends a line without an end
        finally:
            for watcher in watchers:
                assert isinstance(self._host, VirtualHost)
                self._host.unwatch(watcher)
                watcher.put({})

    def _answer(self, line: bytes, sock: socket.socket, sending: threading.Lock, watchers: list[Watcher]) -> None:
        """One line. For `watch` the events are the answer."""
        try:
            command = object_of(line)
            if command.get("do") == "watch":
                watchers.append(self._watch(sock, sending))
                return
            answer = self.carry_out(command)
        except (StationError, ValueError, OSError) as error:
            answer = {"error": error.message if isinstance(error, StationError) else reason(error)}
        _send(sock, sending, answer)
        if answer.get("done") == "quit":
            self._quit()

    def _watch(self, sock: socket.socket, sending: threading.Lock) -> Watcher:
        if not isinstance(self._host, VirtualHost):
            raise _refused("watch: the kernel announces these cameras, ask udev")
        watcher = self._host.watch()
        threading.Thread(target=_forward, args=(watcher, sock, sending), name="watch", daemon=True).start()
        return watcher


def _forward(watcher: Watcher, sock: socket.socket, sending: threading.Lock) -> None:
    """Send events until the empty one, or until the watcher is gone."""
    with contextlib.suppress(OSError):
        while event := watcher.get():
            _send(sock, sending, event)


def _send(sock: socket.socket, sending: threading.Lock, answer: Mapping[str, Any]) -> None:
    with sending:
        sock.sendall(line_of(answer))


def _delivered(data: bytes, form: str, path: str | None) -> dict[str, Any]:
    """Bytes of a memory as the command wants them."""
    if form == "sha256":
        return {"sha256": hashlib.sha256(data).hexdigest()}
    if form == "base64":
        return {"base64": base64.b64encode(data).decode()}
    if form == "file" and path:
        with open(path, "wb") as file:
            file.write(data)
        return {"path": path}
    raise _refused(f"memory: `as` is {form!r}, allowed: sha256, base64, file (with `path`)")


def _refused(message: str) -> SettingsError:
    return SettingsError("settings.invalid", message)
