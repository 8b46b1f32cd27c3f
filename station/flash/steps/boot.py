"""The boot phase: the camera leaves its bootloader, and the application has to come back on the same port.

Leaving DFU is the least reliable step of this chip, so the request is repeated (DETACH, DETACH again, port reset) and
the record says so. What the camera answers to DETACH proves nothing: it often vanishes in the middle of the answer.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from station.ae3.boot_header import needs_reset_after_detach
from station.clock import monotonic_s
from station.errors import BootError, CameraError
from station.flash.pipe import Link
from station.flash.session import DfuSession
from station.model.devices import Device, DeviceMode
from station.model.runs import RunOptions
from station.model.serials import is_identity, same_unit

LEAVE_S = 3.0
"""How long a camera may take to leave the bus after DETACH before it is asked again."""
LEAVE_OLD_BOOTLOADER_S = 0.5
"""The same where the bootloader is known to need a port reset after DETACH."""
UNCONFIRMED_LEAVE_S = 1.0
"""How long to watch the camera leave where nobody waits for its application."""


@dataclass
class BootJob:
    """One boot phase; `notes` tell what had to be repeated."""

    session: DfuSession
    link: Link
    device: Device
    bootloader: str
    options: RunOptions
    notes: list[str] = field(default_factory=list)
    returned_in_dfu: int = 0

    def run(self) -> bool:
        """Leave the bootloader and wait for the application; True once it is seen.

        Raises BootError `boot.timeout` or `boot.wrong_serial` where the confirmation is required.
        """
        self.link.forget_changes()
        self.session.detach()
        if self.options.confirm_boot == "off":
            self._let_go()
            return False
        application = self._wait_for_application()
        if application is not None:
            self._check_serial(application)
            return True
        if self.options.confirm_boot == "optional":
            self.notes.append("the application was not seen")
            return False
        raise BootError("boot.timeout", self._timeout_message(), retryable=False)

    def _let_go(self) -> None:
        """Nobody waits for the application, but the camera must at least leave: no result rests on one lost request."""
        steps = self._steps()
        while self.link.wait_change(min(UNCONFIRMED_LEAVE_S, self._patience_s)) is None and steps:
            steps.pop(0)()

    @property
    def _patience_s(self) -> float:
        """Every repetition must fit into a short boot time limit too."""
        usual_s = LEAVE_OLD_BOOTLOADER_S if needs_reset_after_detach(self.bootloader) else LEAVE_S
        return min(usual_s, self.options.boot_timeout_s / 4)

    def _wait_for_application(self) -> Device | None:
        until_s = monotonic_s() + self.options.boot_timeout_s
        steps, left = self._steps(), False
        ask_again_s = monotonic_s() + self._patience_s
        while monotonic_s() < until_s:
            limit_s = until_s if left or not steps else min(until_s, ask_again_s)
            change = self.link.wait_change(max(0.0, limit_s - monotonic_s()))
            if change is None:
                if not left and steps and monotonic_s() >= ask_again_s:
                    steps.pop(0)()
                    ask_again_s = monotonic_s() + self._patience_s
            elif change.device is None:
                left = True
            elif change.device.mode is DeviceMode.APPLICATION:
                return change.device
            elif change.device.mode is DeviceMode.DFU:
                # In its window again: it will try to boot once more by itself. Holding it now would prevent that.
                self.returned_in_dfu += 1
                left = True
        return None

    def _steps(self) -> list[Callable[[], None]]:
        if needs_reset_after_detach(self.bootloader):
            return [self._reset_port, self._detach_again, self._reset_port]
        return [self._detach_again, self._reset_port]

    def _detach_again(self) -> None:
        self.notes.append("the reset was asked for again")
        self.session.detach()

    def _reset_port(self) -> None:
        self.notes.append("the port was reset")
        with contextlib.suppress(CameraError):
            self.session.transport.reset()

    def _check_serial(self, application: Device) -> None:
        if not is_identity(application.serial):
            self.notes.append("the application shows no serial; the camera was recognized by its port")
        elif not same_unit(self.device.serial, application.serial):
            raise BootError(
                "boot.wrong_serial",
                f"{application.serial} came back on this port, {self.device.serial} was flashed",
                retryable=False,
            )

    def _timeout_message(self) -> str:
        limit = f"no application within {self.options.boot_timeout_s:g} s"
        if self.returned_in_dfu:
            return f"{limit}; the camera fell back into its bootloader {self.returned_in_dfu} times"
        return limit
