"""The USB/IP server: lists and opens the announced devices, over TCP and Unix sockets.

A connection that imported a device is like an open device node: opening and closing change nothing at the camera,
several may be open at once, and all end when the camera leaves the bus.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading

from station.errors import SettingsError
from station.sim import usbip_messages
from station.sim.camera_socket import Link, LinkClosed
from station.sim.hub import Hub, Port
from station.sim.virtual_host import VirtualHost

_BACKLOG = 128


def listen_unix(path: str) -> socket.socket:
    """A listening Unix socket; whatever was left at `path` is replaced."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(_BACKLOG)
    return listener


def listen_tcp(host: str, port: int) -> socket.socket:
    """A listening TCP socket (USB/IP's own port is 3240; 0 takes a free one)."""
    return socket.create_server((host, port), backlog=_BACKLOG)


class UsbIpServer:
    """Accepts on any number of listeners until closed; one thread a connection."""

    def __init__(self, hub: Hub, host: VirtualHost) -> None:
        self._hub = hub
        self._host = host
        self._listeners: list[socket.socket] = []

    def serve_on(self, listener: socket.socket) -> None:
        """Accept connections on a listening socket, which belongs to the server from now on."""
        self._listeners.append(listener)
        threading.Thread(target=self._accept, args=(listener,), name="usbip-accept", daemon=True).start()

    def close(self) -> None:
        """Accept no more; open connections end with their cameras."""
        for listener in self._listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._converse, args=(sock,), name="usbip", daemon=True).start()

    def _converse(self, sock: socket.socket) -> None:
        """Operations until one of them turns the connection into an open device, or the host hangs up."""
        try:
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                version, code, _ = usbip_messages.OPERATION.unpack(_take(sock, usbip_messages.OPERATION.size))
                if version >> 8 != usbip_messages.VERSION >> 8:
                    return
                if code == usbip_messages.OP_REQ_DEVLIST:
                    sock.sendall(usbip_messages.list_reply(self._host.devices()))
                elif code == usbip_messages.OP_REQ_IMPORT:
                    self._import(sock, _take(sock, usbip_messages.BUSID_BYTES).rstrip(b"\0").decode(errors="replace"))
                    return
                else:
                    return
        except (LinkClosed, OSError):
            return
        finally:
            sock.close()

    def _import(self, sock: socket.socket, port_path: str) -> None:
        try:
            port = self._hub.port(port_path)
        except SettingsError:
            sock.sendall(usbip_messages.import_reply(None))
            return
        opened = self._host.open(port, sock, lambda link: self._changed(port, link))
        if opened is None:
            self._hub.poke()
            sock.sendall(usbip_messages.import_reply(None))
            return
        link, device, identity = opened
        try:
            sock.sendall(usbip_messages.import_reply(usbip_messages.device_entry(device, identity)))
            link.run()
        finally:
            with port.links_lock:
                port.links.discard(link)

    def _changed(self, port: Port, link: Link) -> None:
        if link.was_reset:
            link.was_reset = False
            self._host.reset(port)
        self._hub.poke()


def _take(sock: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        chunk = sock.recv(size - len(received))
        if not chunk:
            raise LinkClosed
        received += chunk
    return received
