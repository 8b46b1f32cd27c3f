"""The worker process: one camera at a time, a USB context of its own, facts over a pipe. It never sees the log."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from multiprocessing.connection import Connection

from station.board.board import Board
from station.errors import StationError
from station.flash.camera_run import CameraRun
from station.flash.messages import GetReady, RunCamera, RunEnded
from station.flash.pipe import Link, Orphaned
from station.model.runs import Outcome
from station.model.verdicts import Verdict
from station.problem import mistake_of_ours
from station.process_facts import name_process, step_back
from station.usb.access import UsbAccess
from station.usb.transport import prepare


def main(connection: Connection, access: UsbAccess, board: Board) -> None:
    """The process: takes `RunCamera`, tells `AttemptEnded` and `RunEnded`, ends when the station does.

    `GetReady` has it load what a run needs before there is one.

    SIGINT goes to every process of a terminal; only the station decides what it means for a running camera.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    step_back()
    link = Link(connection)
    try:
        name_process("station-worker")
        while True:
            request = connection.recv()
            if isinstance(request, GetReady):
                with suppress(StationError):
                    prepare(access)
            elif isinstance(request, RunCamera):
                name_process(f"w {request.device.port_path}")
                link.tell(run_camera(request, link, access, board))
            name_process("station-worker")
    except (EOFError, OSError, Orphaned):
        # Nobody is left to tell; the camera stays held, and its open row tells the next station what happened.
        os._exit(0)


def run_camera(request: RunCamera, link: Link, access: UsbAccess, board: Board) -> RunEnded:
    """One run to its end; a mistake of ours is an ERROR of this run alone. Orphaned where nobody is left to hear."""
    link.begin()
    try:
        return CameraRun(request, link, access, board).run()
    except Orphaned:
        raise
    except Exception as error:
        verdict = Verdict(Outcome.ERROR, mistake_of_ours(error))
        return RunEnded(verdict, verified=False, boot_confirmed=False, left_by_itself=False)
