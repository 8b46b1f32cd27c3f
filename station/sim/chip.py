"""The chip behind the USB connector: power, the bootloader's window, the jump, the application's start.

No sockets, threads or sleeping: it reads time from the clock that it is given and says when it next wants to be looked
at (`deadline_s`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from enum import StrEnum

from station.sim.bootloader_session import ATTACH_WINDOW_S, LEAVE_DELAY_S, Session
from station.sim.faults import Fault, FaultScript
from station.sim.spec import CameraSpec
from station.sim.storage import Flash

_DETACH_FIXED_IN = (1, 0, 2)
_SESSIONS_KEPT = 100


class Phase(StrEnum):
    """What the chip is doing. Only BOOTLOADER and APPLICATION are on the bus."""

    OFF = "off"
    BOOTLOADER = "bootloader"
    DARK = "dark"
    APPLICATION = "application"


class Chip(ABC):
    """Off at first. `connection` numbers its appearances on the bus, None while it is not there."""

    def __init__(self, spec: CameraSpec, clock: Callable[[], float]) -> None:
        self.spec = spec
        self.flash = Flash(spec)
        self.script = FaultScript(spec.faults)
        self.phase = Phase.OFF
        self.connection: int | None = None
        self.connections = 0
        self.configured = False
        self.deadline_s: float | None = None
        self.sessions: list[Session] = []
        self._clock = clock
        self._on_deadline: Callable[[float], None] = self._leave
        self._held = False

    @abstractmethod
    def _appear(self) -> None:
        """The chip has just come onto the bus in `phase`, unconfigured."""

    def power_on(self, forced: bool | None = None) -> None:
        """Power-up; nothing happens while it is on. `forced`: entered by magic, default what the spec says."""
        if self.phase is Phase.OFF:
            self.flash.power_on()
            self._start_bootloader(self._clock(), self.spec.forced if forced is None else forced)

    def power_off(self) -> None:
        """Power is gone: off the bus at once, everything volatile lost."""
        self._drop(self._clock(), Phase.OFF)

    def enter_bootloader(self) -> None:
        """The application reboots into the bootloader by magic; nothing happens in another phase."""
        if self.phase is Phase.APPLICATION:
            now = self._clock()
            self._drop(now, Phase.DARK)
            self._schedule(now + LEAVE_DELAY_S, lambda at: self._start_bootloader(at, forced=True))

    def restart(self) -> None:
        """The application resets itself; nothing happens in another phase."""
        if self.phase is Phase.APPLICATION:
            now = self._clock()
            self._drop(now, Phase.DARK)
            self._schedule(now + LEAVE_DELAY_S, self._restart)

    def advance(self) -> None:
        """Do what time has made due: the end of a window, the jump, the application's start."""
        now = self._clock()
        while self.deadline_s is not None and self.deadline_s <= now:
            at, action = self.deadline_s, self._on_deadline
            self.deadline_s = None
            action(at)

    def _configure(self, now: float, configured: bool) -> None:
        """SET_CONFIGURATION: the first one starts the window, 0 makes the bootloader leave, a second 1 does nothing."""
        was, self.configured = self.configured, configured
        session = self.sessions[-1]
        if configured and session.configured_s is None:
            session.configured_s = now
        if self.phase is Phase.BOOTLOADER and configured != was:
            self._schedule(session.window_end_s() if configured else now + LEAVE_DELAY_S, self._leave)

    def _attach(self, now: float) -> None:
        """A request held the bootloader: its window is over, unless it is already leaving."""
        session = self.sessions[-1]
        if session.attached_s is None:
            session.attached_s = now
        self._held = True
        leaving = session.detached_s is not None and self.spec.version >= _DETACH_FIXED_IN
        if self.configured and not leaving:
            self._schedule(None, self._leave)

    def _detach(self, now: float) -> None:
        """DETACH: leave. An old bootloader only forgets that it was held: its window decides, if it has one."""
        session = self.sessions[-1]
        session.detached_s = now
        if self.spec.version >= _DETACH_FIXED_IN:
            self._schedule(now + LEAVE_DELAY_S, self._leave)
            return
        self._held = False
        if not session.forced and session.configured_s is not None:
            self._schedule(max(session.configured_s + ATTACH_WINDOW_S, now + LEAVE_DELAY_S), self._leave)

    def _schedule(self, at_s: float | None, action: Callable[[float], None]) -> None:
        self.deadline_s = at_s
        self._on_deadline = action

    def _connect(self, now: float, phase: Phase, forced: bool) -> None:
        self.phase = phase
        self.connections += 1
        self.connection = self.connections
        self.configured = False
        self._held = False
        self.sessions.append(Session(str(phase), now, self.spec.configure_window_s, forced))
        del self.sessions[:-_SESSIONS_KEPT]
        self._appear()

    def _drop(self, now: float, phase: Phase) -> None:
        """Off the bus; nothing is scheduled any more."""
        if self.connection is not None:
            self.sessions[-1].left_s = now
        self.connection = None
        self.configured = False
        self.phase = phase
        self._schedule(None, self._leave)

    def _start_bootloader(self, now: float, forced: bool) -> None:
        self._connect(now, Phase.BOOTLOADER, forced)
        self._schedule(self.sessions[-1].window_end_s(), self._leave)

    def _start_application(self, now: float) -> None:
        self._connect(now, Phase.APPLICATION, forced=False)
        if self.spec.application.watchdog_s is not None:
            self._schedule(now + self.spec.application.watchdog_s, lambda _: self.restart())
        if (fault := self.script.boot("app_resets")) is not None:
            self._schedule(now + fault.after_s, lambda at: self._lose_application(at, self._restart))
        elif (fault := self.script.boot("app_flickers")) is not None:
            self._schedule(now + fault.after_s, lambda at: self._lose_application(at, self._start_application))

    def _lose_application(self, now: float, then: Callable[[float], None]) -> None:
        """Off the bus for a moment: a watchdog's reset, or a crash."""
        self._drop(now, Phase.DARK)
        self._schedule(now + LEAVE_DELAY_S, then)

    def _restart(self, now: float) -> None:
        """The chip starts from its reset: power is back, or the firmware crashed."""
        self.flash.power_on()
        self._start_bootloader(now, forced=False)

    def _lose_power(self, return_after_s: float | None) -> None:
        """A fault cuts the power, for good or for a time."""
        now = self._clock()
        self._drop(now, Phase.OFF)
        if return_after_s is not None:
            self._schedule(now + return_after_s, self._restart)

    def _leave(self, now: float) -> None:
        """The bootloader drops off the bus and jumps; nobody checks where to."""
        self._drop(now, Phase.DARK)
        crash = self.script.boot("boot_crash")
        if crash is not None or not self.flash.application_can_start(self.spec.requires_he):
            self._crash(now, crash)
        elif self.script.boot("boot_never") is None:
            slow = self.script.boot("boot_slow")
            late_s = 0.0 if slow is None else slow.seconds or 0.0
            self._schedule(now + self.spec.boot_s + late_s, self._start_application)

    def _crash(self, now: float, fault: Fault | None) -> None:
        """Either silence for ever, or the bootloader is back after a while."""
        if fault is not None or self.spec.crash == "cycle":
            self._schedule(now + (self.spec.crash_s if fault is None else fault.after_s), self._restart)
