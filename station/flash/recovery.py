"""The recovery ladder carried out: one rung after the other, until the camera can be tried again. In a worker process.

1. What a rung is, and which comes next, `recovery_ladder` decides. Here it is done, timed and noted.
2. A rung has helped where the camera proves it: the transfer that failed was made, or the camera is held. Nothing of it
   is a result: a whole attempt follows.
3. Every wait has its limit, hears a cancellation, and counts against the total of the run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from station.board.board import Board
from station.clock import monotonic_s
from station.errors import StationError, UsbError
from station.flash.dfu_session import DfuSession
from station.flash.disconnection import HOLD_S, LEAVING_S
from station.flash.images import ImageJob
from station.flash.messages import BootloaderNotEntered, PortChanged, PowerNotCycled
from station.flash.pipe import Link
from station.flash.recovery_ladder import Failure, Rung, next_rung
from station.model.devices import Device, DeviceMode
from station.model.measurements import Measurement, within
from station.model.recovery_limits import RecoveryLimits
from station.problem import Sentence, joined, sentence
from station.usb.access import UsbAccess
from station.usb.transport import open_transport


def _words(rung: Rung) -> Sentence:
    return {
        Rung.REPEAT_BLOCK: sentence("repeating the block"),
        Rung.REOPEN: sentence("opening the device again"),
        Rung.RESET_PORT: sentence("resetting the port"),
        Rung.CATCH_WINDOW: sentence("waiting for the camera's next window"),
        Rung.CYCLE_POWER: sentence("cycling the power of the port"),
    }[rung]


@dataclass
class Camera:
    """A camera that failed, and what is known of it now. `session` is open where not None."""

    device: Device
    session: DfuSession | None = None
    bootloader: str = ""
    job: ImageJob | None = None
    """The image that stopped in one of its blocks."""


@dataclass
class Climbed:
    """What became of one failure. `helped`: the camera can be tried again, as it stands in its `Camera`."""

    helped: bool = False
    tried: list[Rung] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)

    @property
    def words(self) -> str:
        """What was tried."""
        return joined(map(_words, self.tried))


class Recovery:
    """The ladder of one run: how often each rung was taken, and the seconds that went into them."""

    def __init__(self, link: Link, access: UsbAccess, board: Board, limits: RecoveryLimits) -> None:
        self._link = link
        self._access = access
        self._board = board
        self._limits = limits
        self.used: Counter[Rung] = Counter()
        self._spent_s = 0.0
        self._moved = False
        self._rungs: dict[Rung, Callable[[Camera], None]] = {
            Rung.REPEAT_BLOCK: self._repeat_block,
            Rung.REOPEN: self._reopen,
            Rung.RESET_PORT: self._reset_port,
            Rung.CATCH_WINDOW: self._catch,
            Rung.CYCLE_POWER: self._cycle_power,
        }

    @property
    def moved(self) -> bool:
        """Whether a rung made the camera leave the bus: nobody's hand did."""
        return self._moved

    def climb(self, camera: Camera, failure: Failure) -> Climbed:
        """Take rungs until one helped or none is left: then no session is open any more. Raises Cancelled."""
        climbed = Climbed()
        try:
            self._climb(camera, failure, climbed)
        finally:
            if not climbed.helped:
                # Whoever opens it next would find it claimed.
                _close(camera)
        return climbed

    def _climb(self, camera: Camera, failure: Failure, climbed: Climbed) -> None:
        rung: Rung | None = None
        while not climbed.helped:
            rung = next_rung(failure, rung, self.used, self._limits, self._spent_s)
            if rung is None:
                break
            climbed.tried.append(rung)
            climbed.helped = self._take(rung, camera, climbed)
            if rung is Rung.RESET_PORT:
                # Its wait was for the window already.
                rung = Rung.CATCH_WINDOW

    def caught(self, after_s: float) -> Climbed:
        """A camera that left by itself was back and held after so many seconds."""
        climbed = Climbed(helped=True)
        self._note(Rung.CATCH_WINDOW, after_s, "", climbed)
        return climbed

    def _take(self, rung: Rung, camera: Camera, climbed: Climbed) -> bool:
        started_s = monotonic_s()
        why = ""
        try:
            self._rungs[rung](camera)
        except StationError as error:
            why = error.message
        self._note(rung, monotonic_s() - started_s, why, climbed)
        return not why

    def _note(self, rung: Rung, took_s: float, why: str, climbed: Climbed) -> None:
        self.used[rung] += 1
        self._spent_s += took_s
        climbed.measurements.append(within(rung, round(took_s, 3), "s"))
        words, seconds = _words(rung), f"{took_s:.1f}"
        if why:
            text = sentence("{rung} did not help ({seconds} s): {reason}", rung=words, seconds=seconds, reason=why)
        else:
            text = sentence("{rung} helped ({seconds} s)", rung=words, seconds=seconds)
        climbed.notes.append(text)

    # --- the rungs ------------------------------------------------------------------------------------------------

    def _repeat_block(self, camera: Camera) -> None:
        if camera.session is not None and camera.job is not None:
            camera.job.repeat(camera.session)

    def _reopen(self, camera: Camera) -> None:
        _close(camera)
        session = camera.session = DfuSession(open_transport(self._access, camera.device), self._board)
        if camera.job is not None:
            camera.job.repeat(session)
            return
        header = self._board.boot_header
        session.select(self._board.partition(header.partition))
        session.upload(header.block, self._board.block_bytes)

    def _reset_port(self, camera: Camera) -> None:
        # The line must not take a camera that leaves now for one whose hub left, nor hold it before it has left.
        self._link.forget_changes()
        self._link.want_hold(wanted=False)
        try:
            if camera.session is None:
                camera.session = DfuSession(open_transport(self._access, camera.device), self._board)
            camera.session.transport.reset()
            self._moved = True
            first = self._link.wait_change(LEAVING_S)
        finally:
            _close(camera)
            self._link.want_hold(wanted=True)
        # One that stayed is held as it stands, where the reset has revived it.
        limit_s = self._limits.catch_s if first is not None else self._board.hold.total_s + HOLD_S
        self._await_held(camera, limit_s, first)

    def _catch(self, camera: Camera) -> None:
        _close(camera)
        first = None
        if camera.device.mode is DeviceMode.APPLICATION:
            first = PortChanged(camera.device)
        self._await_held(camera, self._limits.catch_s, first)

    def _cycle_power(self, camera: Camera) -> None:
        _close(camera)
        self._link.forget_changes()
        # Held as soon as it is back: the command may end later than the camera's window.
        self._link.want_hold(wanted=True)
        # Here, since hardly a run needs it, and every worker's start would pay for it; below, too.
        from station.flash.port_power import cycle_power

        self._moved = True
        done = cycle_power(self._limits.power_cycle, camera.device.port_path)
        if isinstance(done, PowerNotCycled):
            raise UsbError(
                "usb.timeout", sentence("the power of the port was not cycled: {problem}", problem=done.message)
            )
        self._await_held(camera, self._limits.catch_s, None)

    def _await_held(self, camera: Camera, limit_s: float, first: PortChanged | None) -> None:
        """Until the camera is held in its bootloader; an application that comes instead is asked into it, once.

        UsbError `usb.disconnected` where neither came in time.
        """
        limit_s = min(limit_s, max(0.0, self._limits.total_s - self._spent_s))
        until_s = monotonic_s() + limit_s
        asked, change = False, first
        while change is not None or monotonic_s() < until_s:
            device = change.device if change else None
            if change and device and change.held:
                camera.device, camera.bootloader = device, change.bootloader or camera.bootloader
                return
            if device and device.mode is DeviceMode.APPLICATION and not asked:
                asked = True
                self._ask(device)
                until_s = monotonic_s() + self._limits.bootloader_timeout_s
            elif device:
                until_s = max(until_s, monotonic_s() + HOLD_S)
            change = self._link.wait_change(max(0.0, until_s - monotonic_s()))
        raise UsbError(
            "usb.disconnected", sentence("it did not come back within {seconds} s", seconds=f"{limit_s:.0f}")
        )

    def _ask(self, device: Device) -> None:
        from station.flash.bootloader_entry import enter_bootloader

        answer = enter_bootloader(self._access, device)
        if isinstance(answer, BootloaderNotEntered):
            raise UsbError("usb.not_entered", answer.problem.message)


def _close(camera: Camera) -> None:
    if camera.session is not None:
        camera.session.close()
        camera.session = None
