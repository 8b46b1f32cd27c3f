"""The holder: the process that keeps arriving cameras in their bootloader.

A camera leaves its bootloader 1.5 s after configuration unless it served an UPLOAD by then. Holding therefore has a
process of its own, which does nothing else: flashing may load the machine as it likes, an arrival is held at once. The
one request that holds (the block with the bootloader's header) also proves what the device is.
"""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from threading import Lock
from time import sleep

from station.board.board import Board
from station.clock import monotonic_s
from station.dfu.engine import ShortFrame
from station.errors import CameraError, StationError, UsbAccessError
from station.flash.dfu_session import DfuSession
from station.flash.messages import CameraHeld, CameraNotHeld, HoldCamera, HolderReady
from station.model.devices import Device
from station.model.runs import Outcome
from station.model.verdicts import Verdict
from station.problem import mistake_of_ours
from station.process_facts import name_process, step_forward
from station.usb.access import UsbAccess
from station.usb.transport import open_transport, prepare

HOLD_THREADS = 32
"""Arrivals held side by side: one that answers nothing must not keep the others waiting."""


def hold(access: UsbAccess, board: Board, device: Device) -> CameraHeld | CameraNotHeld:
    """Hold one camera, trying again until it is held, gone, or out of time.

    The first tries may come before the kernel has configured the device (`add` is announced first): they fail, and
    that is no failure of the camera.
    """
    started_s = monotonic_s()
    while True:
        try:
            return _hold_once(access, board, device, started_s)
        except UsbAccessError as error:
            return CameraNotHeld(device, Verdict(Outcome.ERROR, error.problem), gone=False)
        except CameraError as error:
            gone = error.code == "usb.disconnected"
            if monotonic_s() - started_s > (board.hold.retry_s if gone else board.hold.total_s):
                return CameraNotHeld(device, Verdict(Outcome(error.outcome), error.problem), gone=gone)
        sleep(0.01)


def _hold_once(access: UsbAccess, board: Board, device: Device, started_s: float) -> CameraHeld:
    rule = board.boot_header
    transport = open_transport(access, device)
    session = DfuSession(transport, board)
    try:
        session.select(board.partition(rule.partition))
        block = session.upload(rule.block, board.block_bytes)
        raw = b"" if isinstance(block, ShortFrame) else bytes(block)
    finally:
        session.close()
    version = rule.version(device.bcd_device, raw)
    bad = rule.decode(raw) is None and not version.startswith("<")
    return CameraHeld(device, version, monotonic_s() - started_s, bad_boot_header=bad)


def main(connection: Connection, access: UsbAccess, board: Board) -> None:
    """The process: takes `HoldCamera`, answers `CameraHeld` or `CameraNotHeld`, ends when the station does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    name_process("station-holder")
    step_forward()
    with suppress(StationError):
        # Loading libusb takes most of a second on a slow machine: not in the window of the first camera. What is wrong
        # with it hears when a camera is to be held.
        prepare(access)
    connection.send(HolderReady())
    lock = Lock()

    def hold_and_tell(device: Device) -> None:
        try:
            answer = hold(access, board, device)
        except StationError as error:
            answer = CameraNotHeld(device, Verdict(Outcome.ERROR, error.problem), gone=False)
        except Exception as error:
            # One camera's surprise must not end the holding of the others.
            answer = CameraNotHeld(device, Verdict(Outcome.ERROR, mistake_of_ours(error)), gone=False)
        with lock:
            connection.send(answer)

    with ThreadPoolExecutor(HOLD_THREADS, thread_name_prefix="hold") as pool:
        while True:
            try:
                request: HoldCamera = connection.recv()
            except (EOFError, OSError):
                os._exit(0)
            pool.submit(hold_and_tell, request.device)
