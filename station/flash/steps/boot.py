"""The boot phase: the camera leaves its bootloader, and the application has to come back on the same port, and stay.

1. Leaving DFU is the least reliable step of this chip, so the request is repeated (DETACH, DETACH again, port reset)
   and the record says so. What the camera answers to DETACH proves nothing: it often vanishes in the middle of that.
2. What ties the application to the bootloader is the port, never a serial: the application shows another one. A camera
   that was put in its place shows its own bootloader first, and the line ends the run for that.
3. An application that leaves and comes back within the return window, as itself or as a bootloader, is unstable. One
   that leaves and does not come back was pulled out.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from station.clock import monotonic_s
from station.errors import BootError, CameraError
from station.flash.dfu_session import DfuSession
from station.flash.messages import CancelRun
from station.flash.pipe import Cancelled, Link
from station.model.devices import Device, DeviceMode
from station.model.runs import Outcome, RunOptions
from station.model.verdicts import ended_by
from station.problem import Sentence, joined, sentence

LEAVE_S = 3.0
"""How long a camera may take to leave the bus after DETACH before it is asked again."""
LEAVE_OLD_BOOTLOADER_S = 0.5
"""The same where the bootloader is known to need a port reset after DETACH."""
UNCONFIRMED_LEAVE_S = 1.0
"""How long to watch the camera leave where nobody waits for its application."""


@dataclass
class BootJob:
    """One boot phase; `notes` tell what had to be repeated, `application_serial` what the application shows."""

    session: DfuSession
    link: Link
    device: Device
    bootloader: str
    options: RunOptions
    notes: list[str] = field(default_factory=list)
    returned_in_dfu: int = 0
    application: Device | None = None
    """What came, None while nothing has."""
    boot_s: float | None = None
    """From the first request to leave until the application came."""
    window_s: float | None = None
    """How long the bootloader stayed where it came back meanwhile."""
    repeats: int = 0
    resets: int = 0
    others: list[str] = field(default_factory=list)
    application_serial: str | None = None

    def run(self) -> bool:
        """Leave the bootloader and wait until the application is there to stay; True once it is.

        Raises BootError `boot.timeout` or `boot.unstable` where the confirmation is required.
        """
        self.link.forget_changes()
        asked_s = monotonic_s()
        self.session.detach()
        if self.options.confirm_boot == "off":
            self._see_it_leave()
            return False
        application = self._wait_for_application()
        if application is None:
            return self._unconfirmed("boot.timeout", self._timeout_message(), sentence("the application was not seen"))
        self.application, self.boot_s = application, monotonic_s() - asked_s
        self._note_serial(application)
        if (left_after_s := self._leaves_after_s()) is None:
            return True
        text = sentence(
            "the application came and went: it left the bus {seconds} s after it came", seconds=f"{left_after_s:.1f}"
        )
        return self._unconfirmed("boot.unstable", text, text)

    def let_go(self) -> None:
        """Have the camera boot by itself; nobody waits for its application."""
        self.link.forget_changes()
        self.session.detach()
        self._see_it_leave()

    def _unconfirmed(self, code: str, message: Sentence, note: Sentence) -> bool:
        if self.options.confirm_boot == "required":
            raise BootError(code, message, retryable=False)
        self.notes.append(note)
        return False

    def _see_it_leave(self) -> None:
        """The camera must at least leave: no result rests on one lost request."""
        steps = self._steps()
        while self.link.wait_change(min(UNCONFIRMED_LEAVE_S, self._patience_s)) is None and steps:
            steps.pop(0)()

    @property
    def _patience_s(self) -> float:
        """Every repetition must fit into a short boot time limit too."""
        usual_s = (
            LEAVE_OLD_BOOTLOADER_S
            if self.session.board.boot_header.needs_reset_after_detach(self.bootloader)
            else LEAVE_S
        )
        return min(usual_s, self.options.boot_timeout_s / 4)

    def _wait_for_application(self) -> Device | None:
        until_s = monotonic_s() + self.options.boot_timeout_s
        steps, left = self._steps(), False
        ask_again_s = monotonic_s() + self._patience_s
        returned_s: float | None = None
        while True:
            limit_s = until_s if left or not steps else min(until_s, ask_again_s)
            change = self.link.wait_change(max(0.0, limit_s - monotonic_s()))
            if change is None:
                if monotonic_s() >= until_s:
                    return None
                if not left and steps and monotonic_s() >= ask_again_s:
                    steps.pop(0)()
                    ask_again_s = monotonic_s() + self._patience_s
            elif change.device is None:
                left = True
                if returned_s is not None:
                    self.window_s, returned_s = monotonic_s() - returned_s, None
            elif change.device.mode is DeviceMode.APPLICATION:
                return change.device
            elif change.device.mode is DeviceMode.DFU:
                # In its window again: it will try to boot once more by itself. Holding it now would prevent that.
                self.returned_in_dfu += 1
                returned_s = monotonic_s()
                left = True
            else:
                self.others.append(f"{change.device.vendor_id:04X}:{change.device.product_id:04X}")

    def _leaves_after_s(self) -> float | None:
        """After how many seconds the application leaves; None where it stays. Cancelled where it was pulled out."""
        came_at_s = monotonic_s()
        change = self.link.wait_change(self.options.boot_stays_s) if self.options.boot_stays_s else None
        if change is None:
            return None
        stayed_s = monotonic_s() - came_at_s
        if change.device is None and not self._comes_back():
            text = sentence("the camera was unplugged right after its application came")
            raise Cancelled(CancelRun(ended_by(Outcome.ABORTED, "operator.unplugged", text)))
        return stayed_s

    def _comes_back(self) -> bool:
        change = self.link.wait_change(self.options.return_window_s)
        return change is not None and change.device is not None

    def _steps(self) -> list[Callable[[], None]]:
        if self.session.board.boot_header.needs_reset_after_detach(self.bootloader):
            return [self._reset_port, self._detach_again, self._reset_port]
        return [self._detach_again, self._reset_port]

    def _detach_again(self) -> None:
        self.notes.append(sentence("the reset was asked for again"))
        self.repeats += 1
        self.session.detach()

    def _reset_port(self) -> None:
        self.notes.append(sentence("the port was reset"))
        self.resets += 1
        with contextlib.suppress(CameraError):
            self.session.transport.reset()

    def _note_serial(self, application: Device) -> None:
        serial = self.application_serial = application.serial or None
        if serial is None:
            self.notes.append(sentence("the application shows no serial; the camera was recognized by its port"))
        elif not self.session.board.serial.has_known_form(serial, self.device.serial):
            self.notes.append(sentence("the application's serial {serial} has none of the known forms", serial=serial))

    def _timeout_message(self) -> Sentence:
        limit = sentence("no application within {seconds} s", seconds=f"{self.options.boot_timeout_s:g}")
        if self.returned_in_dfu:
            fell = sentence("the camera fell back into its bootloader {count} times", count=self.returned_in_dfu)
            return joined([limit, fell])
        if self.others:
            return joined([limit, sentence("{usb_id} came instead", usb_id=self.others[-1])])
        return limit
