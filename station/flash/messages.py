"""What the dispatcher, the holder and the workers say to each other: picklable values, facts in the past tense."""

from __future__ import annotations

from dataclasses import dataclass, field

from station.clock import monotonic_s
from station.model.devices import Device
from station.model.runs import AttemptRecord, RunPlan
from station.model.slots import Progress
from station.model.verdicts import Verdict
from station.problem import Problem, sentence

# --- dispatcher -> holder ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HoldCamera:
    """Hold this camera in its bootloader, now."""

    device: Device


# --- holder -> dispatcher ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HolderReady:
    """The holder has loaded what it needs: a camera that comes now is held at once."""


@dataclass(frozen=True, slots=True)
class CameraHeld:
    """The camera served an UPLOAD and stays. `bootloader` is its version, `hold_s` the seconds it took."""

    device: Device
    bootloader: str
    hold_s: float
    bad_boot_header: bool = False


@dataclass(frozen=True, slots=True)
class CameraNotHeld:
    """The camera could not be held. `gone` says that it left the bus: then it may simply have booted."""

    device: Device
    verdict: Verdict
    gone: bool


# --- dispatcher -> worker ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RunCamera:
    """Run this plan on this held camera."""

    plan: RunPlan
    device: Device
    bootloader: str


@dataclass(frozen=True, slots=True)
class PortChanged:
    """What happened at the worker's port: `device` is what is there now, None when the camera left. `at_s` is when the
    line heard of it, by the machine's monotonic clock: a worker may hear much later."""

    device: Device | None
    held: bool = False
    bootloader: str = ""
    at_s: float = field(default_factory=monotonic_s, compare=False)


@dataclass(frozen=True, slots=True)
class CancelRun:
    """End the run at the next block with this verdict."""

    verdict: Verdict


@dataclass(frozen=True, slots=True)
class EnterBootloader:
    """Ask the application here to go into its bootloader."""

    device: Device


@dataclass(frozen=True, slots=True)
class CyclePortPower:
    """Turn the power of a port off and on again with this command; see `flash.port_power`."""

    port_path: str
    template: str


@dataclass(frozen=True, slots=True)
class GetReady:
    """Load what a run needs: there is time before the first one."""


# --- worker -> dispatcher ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HoldWanted:
    """Whether a camera that comes back in DFU mode is to be held (for a retry) or left alone (it is booting)."""

    wanted: bool


@dataclass(frozen=True, slots=True)
class Progressed:
    """The newest progress; older ones may be forgotten."""

    progress: Progress


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """One attempt is complete."""

    attempt: AttemptRecord


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The run is complete. `left_by_itself` says that the camera may still come and go without anybody touching it."""

    verdict: Verdict
    verified: bool
    boot_confirmed: bool
    left_by_itself: bool
    application_serial: str | None = None
    notes: tuple[str, ...] = ()
    """What was not as expected and decided nothing, of every attempt, each sentence once."""


STAYED = sentence("it was asked, and stayed in its application")
"""Why a camera did not come, as its worker or the line noticed it."""


@dataclass(frozen=True, slots=True)
class BootloaderEntered:
    """The application took the request, or left the bus upon it. Only what enumerates next proves that it worked."""

    device: Device


@dataclass(frozen=True, slots=True)
class BootloaderNotEntered:
    """The application could not be asked, or refused."""

    device: Device
    problem: Problem


@dataclass(frozen=True, slots=True)
class PowerCycled:
    """The command ended well: the power is back."""

    port_path: str


@dataclass(frozen=True, slots=True)
class PowerNotCycled:
    """The command could not be run, failed, or did not end."""

    port_path: str
    message: str


Errand = EnterBootloader | CyclePortPower
ErrandAnswer = BootloaderEntered | BootloaderNotEntered | PowerCycled | PowerNotCycled


def not_done(errand: Errand, problem: Problem) -> ErrandAnswer:
    """The answer to an errand that came to nothing."""
    if isinstance(errand, CyclePortPower):
        return PowerNotCycled(errand.port_path, problem.message)
    return BootloaderNotEntered(errand.device, problem)
