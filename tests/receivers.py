"""The factory's systems, as tests need them: real servers on this machine that keep what they got."""

from __future__ import annotations

import json
import random
import re
import shutil
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LIMIT_S = 60.0
Answer = tuple[int, bytes]
MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")


class Received:
    """What a system got, in its order; waits for more, with a limit."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.bodies: list[bytes] = []
        self.headers: list[Mapping[str, str]] = []

    def add(self, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        with self._changed:
            self.bodies.append(body)
            self.headers.append(headers or {})
            self._changed.notify_all()

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies]

    def wait_for(self, enough: Callable[[list[dict[str, Any]]], bool], limit_s: float = LIMIT_S) -> None:
        """Until what came so far is enough."""
        with self._changed:
            came = self._changed.wait_for(lambda: enough(self.records), limit_s)
        assert came, f"not within {limit_s} s; {len(self.bodies)} came"


def _taken(_record: dict[str, Any]) -> Answer:
    return 200, b"{}"


class HttpSystem(Received):
    """An HTTP server; `answer` says what a record is answered. Only what is answered with 2xx counts as received."""

    def __init__(self) -> None:
        super().__init__()
        self.answer: Callable[[dict[str, Any]], Answer] = _taken
        self.requests = 0

    @contextmanager
    def serving(self, port: int = 0) -> Iterator[str]:
        """Its address."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests += 1
                status, said = outer.answer(json.loads(body))
                if 200 <= status < 300:
                    outer.add(body, dict(self.headers))
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(said)))
                    self.end_headers()
                    self.wfile.write(said)
                except OSError:
                    return  # it hung up meanwhile

            def log_message(self, *_words: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 64

        with Server(("127.0.0.1", port), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_address[1]}/runs"
            finally:
                server.shutdown()


class TcpSystem(Received):
    """A TCP server that answers each line with one."""

    def __init__(self) -> None:
        super().__init__()
        self.answer: Callable[[dict[str, Any]], str] = lambda record: "OK"

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Its address."""
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                line = self.rfile.readline()
                if not line:
                    return
                said = outer.answer(json.loads(line))
                if said == "OK":
                    outer.add(line)
                self.wfile.write(said.encode() + b"\n")

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False
            allow_reuse_address = True

        with Server(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
            thread.start()
            try:
                yield f"tcp://127.0.0.1:{server.server_address[1]}"
            finally:
                server.shutdown()


READY = b"\x02030,0,0,1225,000,0,0,0,000,0,0,0\x03\r\n\x02000,0,0,0,1,2,6,0,00000000,1,000\x03\r\n\x021234,0\x03\r\n"
"""What a printer that can print answers to ~HS, as Zebra's programming guide shows it."""


class LabelPrinter(Received):
    """A label printer's port 9100. Labels are what came from ^XA to ^XZ."""

    def __init__(self) -> None:
        super().__init__()
        self.answer: bytes | None = READY
        """To ~HS; None for a printer that never answers."""
        self.takes = 1 << 20
        """So many bytes of a label it reads before it hangs up."""
        self.hangs = False
        """Whether it says nothing any more once a label began."""

    @property
    def labels(self) -> list[bytes]:
        return list(self.bodies)

    def wait_for_labels(self, count: int) -> list[bytes]:
        with self._changed:
            came = self._changed.wait_for(lambda: len(self.bodies) >= count, LIMIT_S)
        assert came, f"{len(self.bodies)} labels came"
        return self.labels

    @contextmanager
    def serving(self, port: int = 0) -> Iterator[str]:
        """Its address."""
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                heard = b""
                while part := self.request.recv(4096):
                    heard += part
                    # Commands in their order, as a printer reads them.
                    while found := re.search(rb"~HS|\^XA.*?\^XZ", heard, re.DOTALL):
                        heard = heard[found.end() :]
                        if found[0] != b"~HS":
                            outer.add(found[0])
                        elif outer.answer is not None and not (outer.hangs and outer.bodies):
                            self.request.sendall(outer.answer)
                    if b"^XA" in heard and len(heard) >= outer.takes:
                        return

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False
            allow_reuse_address = True

            def handle_error(self, *_about: Any) -> None:
                pass  # the station hung up

        with Server(("127.0.0.1", port), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
            thread.start()
            try:
                yield f"tcp://127.0.0.1:{server.server_address[1]}"
            finally:
                server.shutdown()


def free_port() -> int:
    """A port that nobody has at the moment, and that nobody is given before it is used.

    The kernel hands out 32768 and up, to every test that asks for any port, and to every connection; those below are
    drawn here, by every process of its own.
    """
    dice = random.SystemRandom()
    while True:
        with suppress(OSError), socket.create_server(("127.0.0.1", dice.randrange(15_000, 32_000))) as server:
            return int(server.getsockname()[1])


@contextmanager
def mosquitto(folder: Path, port: int, further: str = "allow_anonymous true") -> Iterator[str]:
    """A real broker; its address."""
    assert MOSQUITTO
    configuration = folder / "mosquitto.conf"
    configuration.write_text(f"listener {port} 127.0.0.1\n{further}\n")
    with subprocess.Popen(
        [MOSQUITTO, "-c", str(configuration)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as broker:
        try:
            _wait_for_port(port, broker)
            yield f"mqtt://127.0.0.1:{port}"
        finally:
            broker.terminate()
            broker.wait(120)


def _wait_for_port(port: int, broker: subprocess.Popen[bytes]) -> None:
    until_s = time.monotonic() + LIMIT_S
    while True:
        assert broker.poll() is None, "mosquitto ended at once"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
            return
        except OSError:
            assert time.monotonic() < until_s, "mosquitto does not listen"
            threading.Event().wait(0.02)


@contextmanager
def subscribed(port: int, topic: str, **login: str) -> Iterator[Received]:
    """A subscriber of its own, which keeps what the broker hands out."""
    from paho.mqtt.client import Client, MQTTv5
    from paho.mqtt.enums import CallbackAPIVersion

    received = Received()
    ready = threading.Event()
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
    if login:
        client.username_pw_set(login["username"], login["password"])

    def subscribe(*_words: Any) -> None:
        client.subscribe(topic, qos=1)

    client.on_connect = subscribe
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = lambda _client, _data, message: received.add(bytes(message.payload))
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        assert ready.wait(LIMIT_S)
        yield received
    finally:
        client.disconnect()
        client.loop_stop()
