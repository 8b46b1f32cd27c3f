"""`python -m station.sim.serve`: a bench of virtual cameras in one process.

It listens on DIR/usbip.sock (USB/IP) and DIR/control.sock (commands), prints one line `ready`, and lives until its
standard input ends, SIGTERM, or the command `quit`, so that it never outlives who started it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence

from station.errors import StationError, UsageError
from station.file_problems import reason
from station.sim.control import Control
from station.sim.hub import Hub
from station.sim.spec import CameraSpec, load_specs
from station.sim.usbip_server import UsbIpServer, listen_tcp, listen_unix
from station.sim.vhci import KernelHost
from station.sim.virtual_host import VirtualHost

USBIP_SOCKET = "usbip.sock"
CONTROL_SOCKET = "control.sock"
_PR_SET_TIMERSLACK = 29
_TIMER_SLACK_NS = 1000
_SWITCH_INTERVAL_S = 0.001


class Bench:
    """Cameras, hub, servers of one process. `folder` gets the two sockets; `kernel` attaches to vhci instead."""

    def __init__(self, folder: str, kernel: bool = False, tcp: tuple[str, int] | None = None) -> None:
        self.ended = threading.Event()
        """Set when someone asked the bench to end."""
        self.tcp_address: tuple[str, int] | None = None
        """Where USB/IP is served over TCP, the free port that was taken included."""
        clock = time.monotonic
        self.host: VirtualHost | KernelHost = KernelHost(clock) if kernel else VirtualHost(clock)
        self.hub = Hub(self.host, clock)
        self.host.drive(self.hub)
        self._server: UsbIpServer | None = None
        if isinstance(self.host, VirtualHost):
            self._server = UsbIpServer(self.hub, self.host)
            self._server.serve_on(listen_unix(os.path.join(folder, USBIP_SOCKET)))
            if tcp is not None:
                listener = listen_tcp(*tcp)
                self.tcp_address = listener.getsockname()[:2]
                self._server.serve_on(listener)
        self._control = listen_unix(os.path.join(folder, CONTROL_SOCKET))
        Control(self.hub, self.host, self.ended.set).serve_on(self._control)

    def add(self, specs: Sequence[CameraSpec]) -> None:
        """Put cameras on the bench."""
        self.hub.add(specs)

    def close(self) -> None:
        """Power off, close every socket."""
        self.hub.close()
        if self._server is not None:
            self._server.close()
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        self._control.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; exit code 0 after an ordered end, 2 for wrong options or cameras."""
    options = _parser().parse_args(arguments)
    try:
        serve(options.dir, options.spec, kernel=options.kernel, tcp=options.tcp, detached=options.detached)
    except StationError as error:
        print(f"{error.code}: {error.message}. {error.hint}", file=sys.stderr)
        return error.exit_code
    return 0


def serve(
    folder: str,
    spec: str | None,
    *,
    kernel: bool = False,
    tcp: tuple[str, int] | None = None,
    detached: bool = False,
) -> None:
    """Serve the cameras of a file until somebody ends it. SettingsError for the file, UsageError for the sockets."""
    specs = load_specs(spec) if spec else ()
    _precise_timers()
    try:
        bench = Bench(folder, kernel, tcp)
    except (OSError, OverflowError) as error:
        raise UsageError("usage.output", f"cannot serve in {folder}: {reason(error)}") from error
    bench.add(specs)
    _end_with_parent(bench.ended, detached)
    print("ready", flush=True)
    bench.ended.wait()
    bench.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m station.sim.serve", description="Serve virtual AE3 cameras.")
    parser.add_argument("--dir", required=True, help="folder for usbip.sock and control.sock")
    parser.add_argument("--spec", help="JSON file with a list of cameras")
    parser.add_argument("--kernel", action="store_true", help="attach the cameras to the kernel's vhci-hcd")
    parser.add_argument("--tcp", type=_address, metavar="HOST:PORT", help="serve USB/IP over TCP as well")
    parser.add_argument("--detached", action="store_true", help="do not end when standard input ends")
    return parser


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def _end_with_parent(ended: threading.Event, detached: bool) -> None:
    """SIGTERM and the end of standard input end the bench. Ctrl-C is the parent's business where there is one."""
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    if sys.stdin.isatty() or detached:
        signal.signal(signal.SIGINT, lambda *_: ended.set())
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_stdin, args=(ended,), name="stdin", daemon=True).start()


def _follow_stdin(ended: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while os.read(0, 4096):
            pass
    ended.set()


def _precise_timers() -> None:
    """Wake within microseconds instead of the usual 50, and let a waking thread have the interpreter soon."""
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, _TIMER_SLACK_NS, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main())
