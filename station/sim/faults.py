"""Faults as data: what goes wrong in a virtual camera, and when.

A fault is a JSON object. `do` names the action; `at` says at which moment of the protocol, and is left out for the
actions that concern the boot. `times` says how often it strikes (null: always; 1 where `at` stands, else always), and
`skip` how many matching moments pass before the first::

    {"at": {"request": "DNLOAD", "alt": 6, "block": 900}, "do": "vanish_and_return", "after_s": 1.0, "times": 1}

Moments (`request`): the seven DFU requests, SET_INTERFACE, SET_CONFIGURATION, GET_DESCRIPTOR, OPEN (a host opens the
device), WRITE (a block is being stored, behind the first GETSTATUS after its DNLOAD), MANIFEST, ANY of the requests so
far; and of the application, the requests of the OpenMV protocol by name, and SCRIPT (a script starts, in the REPL too).
`alt` is the selected alternate setting, for the application the channel; `block` is the block of an UPLOAD, DNLOAD or
WRITE, for GETSTATUS that of the last DNLOAD.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from station.errors import SettingsError

REQUESTS = ("DETACH", "DNLOAD", "UPLOAD", "GETSTATUS", "CLRSTATUS", "GETSTATE", "ABORT")
APPLICATION_MOMENTS = (
    *("PROTO_SYNC", "PROTO_GET_CAPS", "PROTO_SET_CAPS", "PROTO_STATS", "PROTO_VERSION"),
    *("SYS_RESET", "SYS_BOOT", "SYS_INFO", "SYS_MEMORY"),
    *("CHANNEL_LIST", "CHANNEL_POLL", "CHANNEL_LOCK", "CHANNEL_UNLOCK", "CHANNEL_SIZE", "CHANNEL_READ"),
    *("CHANNEL_WRITE", "CHANNEL_IOCTL"),
)
MOMENTS = (*REQUESTS, "SET_INTERFACE", "SET_CONFIGURATION", "GET_DESCRIPTOR", "OPEN", "WRITE", "MANIFEST", "ANY")

_SEEN_BY_HOST = frozenset(MOMENTS) - {"WRITE", "MANIFEST", "OPEN"}
_SCRIPT = frozenset({"SCRIPT"})
_ASKED = frozenset(APPLICATION_MOMENTS)
_WRITE = frozenset({"WRITE"})
_NOT_ANY = frozenset({"WRITE", "MANIFEST", "OPEN"}) | _ASKED | _SCRIPT
_ANYWHERE = frozenset(MOMENTS)


@dataclass(frozen=True, slots=True)
class Action:
    """One word of the fault language: its parameters with their defaults, where it may stand, and where by default."""

    meaning: str
    parameters: Mapping[str, Any]
    moments: frozenset[str] = frozenset()
    default_moment: str = ""

    def to_json(self, do: str) -> dict[str, Any]:
        """The word as `station sim faults --json` lists it."""
        return {
            "do": do,
            "meaning": self.meaning,
            "parameters": dict(self.parameters),
            "moments": sorted(self.moments),
            "default_moment": self.default_moment,
        }


ACTIONS: dict[str, Action] = {
    "vanish": Action(
        "power is lost and stays lost; in WRITE half of the block is stored",
        {},
        _ANYWHERE | _ASKED | _SCRIPT,
        "DNLOAD",
    ),
    "vanish_and_return": Action(
        "power is lost and is back after_s later", {"after_s": 0.5}, _ANYWHERE | _ASKED | _SCRIPT, "DNLOAD"
    ),
    "stall": Action("the request stalls and has no effect", {}, _SEEN_BY_HOST, "DNLOAD"),
    "eio": Action("the link breaks in this transfer; it has no effect", {}, _SEEN_BY_HOST | {"OPEN"}, "DNLOAD"),
    "silence": Action(
        "nothing is answered for `seconds`, or (null) until the power is cycled",
        {"seconds": None},
        _ANYWHERE - {"OPEN"} | _ASKED | _SCRIPT,
        "DNLOAD",
    ),
    "no_answer": Action("this one transfer is never answered; later ones are", {}, _SEEN_BY_HOST | _ASKED, "DNLOAD"),
    "ep0_dead": Action("nothing is answered until a bus reset", {}, _SEEN_BY_HOST, "DNLOAD"),
    "ignore": Action(
        "acknowledged, but without effect; in WRITE: reported as stored",
        {},
        frozenset({"DETACH", "DNLOAD", "CLRSTATUS", "ABORT", "SET_INTERFACE", "WRITE", "MANIFEST"}),
        "DNLOAD",
    ),
    "answer": Action(
        "answered with `data` (hex) instead, without effect", {"data": ""}, _SEEN_BY_HOST | _ASKED, "GETSTATUS"
    ),
    "nak": Action("refused with this status, without effect", {"status": 1}, _ASKED, "PROTO_VERSION"),
    "err_write": Action("the block is not stored: dfuERROR, errWRITE", {}, _WRITE, "WRITE"),
    "error": Action("the block is not stored: dfuERROR with this bStatus", {"status": 0x0E}, _WRITE, "WRITE"),
    "flip_byte": Action(
        "the byte at `offset` of the block is stored (UPLOAD, answers of the application: sent) xor `mask`",
        {"offset": 0, "mask": 1},
        _WRITE | {"UPLOAD"} | _ASKED,
        "WRITE",
    ),
    "partial": Action(
        "only `length` bytes of the data arrive, then no answer", {"length": 64}, frozenset({"DNLOAD"}), "DNLOAD"
    ),
    "short": Action("only the first `length` bytes are sent", {"length": 64}, _ASKED | {"UPLOAD"}, "UPLOAD"),
    "boot_never": Action("the application never comes up", {}),
    "boot_slow": Action("the application takes `seconds` longer", {"seconds": 10.0}),
    "boot_crash": Action("the application crashes; the bootloader is back after_s later", {"after_s": 1.0}),
    "app_resets": Action("the application resets through its bootloader after_s after it came", {"after_s": 0.5}),
    "app_flickers": Action("the application leaves after_s after it came, and is back at once", {"after_s": 0.5}),
    "app_serial": Action("the application has this serial", {"serial": ""}),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One scripted fault. `times` None means always; `moment` is "" for boot faults."""

    do: str
    moment: str = ""
    alt: int | None = None
    block: int | None = None
    times: int | None = 1
    skip: int = 0
    seconds: float | None = None
    after_s: float = 0.0
    offset: int = 0
    mask: int = 0
    length: int = 0
    status: int = 0
    data: str = ""
    serial: str = ""

    def to_json(self) -> dict[str, Any]:
        """The fault as `from_json` takes it."""
        raw: dict[str, Any] = {"do": self.do, "times": self.times, "skip": self.skip}
        if self.moment:
            raw["at"] = {"request": self.moment}
            raw["at"].update({key: getattr(self, key) for key in ("alt", "block") if getattr(self, key) is not None})
        raw.update({key: getattr(self, key) for key in ACTIONS[self.do].parameters})
        return raw

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Fault:
        """Read one fault; SettingsError names a wrong key, action, moment or type and what is allowed."""
        do = raw.get("do")
        if do not in ACTIONS:
            raise _refused(f"fault {dict(raw)}: `do` is {do!r}, allowed: {', '.join(ACTIONS)}")
        action = ACTIONS[do]
        _only(raw, {"do", "times", "skip", *action.parameters, *(("at",) if action.moments else ())}, f"fault {do!r}")
        at = raw.get("at", {})
        if not isinstance(at, Mapping):
            raise _refused(f"fault {do!r}: `at` is {at!r}, allowed: an object")
        _only(at, {"request", "alt", "block"}, f"`at` of fault {do!r}")
        moment = at.get("request", action.default_moment)
        if action.moments and moment not in action.moments:
            raise _refused(f"fault {do!r} at {moment!r}, allowed: {', '.join(sorted(action.moments))}")
        values = {key: _checked(do, key, raw.get(key, default), default) for key, default in action.parameters.items()}
        times = _count(do, "times", raw.get("times", 1 if action.moments else None))
        skip = _count(do, "skip", raw.get("skip", 0)) or 0
        alt, block = (_count(do, key, at.get(key)) for key in ("alt", "block"))
        return cls(do=do, moment=moment, alt=alt, block=block, times=times, skip=skip, **values)


@dataclass(slots=True)
class _Entry:
    """A fault with what is left of it."""

    fault: Fault
    skip: int
    times: int | None


class FaultScript:
    """The faults of one camera while it lives: counts how often each struck."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._entries = [_Entry(fault, fault.skip, fault.times) for fault in faults]
        self.struck = 0
        """How many times any fault struck."""

    @property
    def scripted(self) -> bool:
        """Whether any fault may still strike at a moment of the protocol (the fast path asks nothing else)."""
        return any(entry.fault.moment and entry.times != 0 for entry in self._entries)

    def add(self, fault: Fault) -> None:
        """Append one fault."""
        self._entries.append(_Entry(fault, fault.skip, fault.times))

    def at(self, moment: str, alt: int, block: int | None) -> Fault | None:
        """The fault that strikes now, if any; it is counted as having struck."""
        for entry in self._entries:
            fault = entry.fault
            if fault.moment != moment and not (fault.moment == "ANY" and moment not in _NOT_ANY):
                continue
            if (fault.alt is None or fault.alt == alt) and (fault.block is None or fault.block == block):
                found = self._strike(entry)
                if found is not None:
                    return found
        return None

    def boot(self, do: str) -> Fault | None:
        """The boot fault of this kind that strikes now, if any."""
        for entry in self._entries:
            if entry.fault.do == do:
                found = self._strike(entry)
                if found is not None:
                    return found
        return None

    def _strike(self, entry: _Entry) -> Fault | None:
        if entry.skip:
            entry.skip -= 1
            return None
        if entry.times == 0:
            return None
        if entry.times is not None:
            entry.times -= 1
        self.struck += 1
        return entry.fault


def _refused(message: str) -> SettingsError:
    return SettingsError("settings.invalid", message)


def _only(raw: Mapping[str, Any], allowed: set[str], where: str) -> None:
    unknown = set(raw) - allowed
    if unknown:
        raise _refused(f"{where}: unknown key {sorted(unknown)[0]!r}, allowed: {', '.join(sorted(allowed))}")


def _count(do: str, key: str, value: Any) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    raise _refused(f"fault {do!r}: `{key}` is {value!r}, allowed: a whole number from 0, or null")


def _checked(do: str, key: str, value: Any, default: Any) -> Any:
    """`value` if it is of the kind of the default; hex data must decode."""
    if isinstance(default, str):
        good, kind = isinstance(value, str), "text"
    elif isinstance(default, int):
        limit = {"status": 15, "mask": 255}.get(key, 4096)
        good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= limit
        kind = f"a whole number, 0 to {limit}"
    else:
        good = (value is None and default is None) or (isinstance(value, int | float) and value >= 0)
        kind = "seconds"
    if good and key == "data":
        try:
            bytes.fromhex(value)
        except ValueError:
            good, kind = False, "hex digits"
    if not good:
        raise _refused(f"fault {do!r}: `{key}` is {value!r}, allowed: {kind}")
    return value
