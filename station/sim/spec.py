"""What a virtual camera is, as data: read from and written to JSON, unknown keys refused."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from station.errors import SettingsError
from station.file_problems import reason
from station.sim.application_spec import ApplicationSpec
from station.sim.faults import Fault
from station.sim.partitions import TABLES, Medium, Partition, Table, alt_of
from station.sim.profiles import PROFILES, TimeProfile

DEFAULT_SERIAL = "0123456789ABCDEF"
"""The bootloader source's fallback: seen on sister boards only."""
RELEASE_FILES = {
    "HP": "firmware_M55_HP.bin",
    "HE": "firmware_M55_HE.bin",
    "ROMFS1": "romfs1.img",
    "ROMFS0": "romfs0.img",
}
"""The four files of a release folder by partition."""
VENDOR_ID, BOOTLOADER_PRODUCT_ID, APPLICATION_PRODUCT_ID = 0x37C5, 0x96E3, 0x16E3

_SPEC_LIMIT = 1 << 26
_ORDINARY = ApplicationSpec()


@dataclass(frozen=True, slots=True)
class Content:
    """What a partition holds before the first power-up: the first `fraction` of a file, blank behind it."""

    partition: str
    file: str
    fraction: float = 1.0


@dataclass(frozen=True, slots=True)
class CameraSpec:
    """One virtual camera. Durations are seconds.

    `scale` multiplies the profile's times (not the boot, not the window). `external` is the memory chip, "mram" or
    "nor", "" for the profile's own. `external_bytes` is the size of an external chip that ignores higher address bits,
    null for one that is large enough. `contents` lie over `release` (a folder with the four files of a release).
    `application_serial` is what the application shows: "eui" as real ones do, "reversed", "same", "none", or any other
    text, which is shown as it stands; `application` is what it answers on its serial port. `crash` says what a
    broken firmware does: "dead" is silence for ever, "cycle" brings the bootloader back after `crash_s`. `forced` is a
    power-up by the application's reboot into the bootloader: no 1.5 s limit. `requires_he` lets the application start
    only if the HE image has a plausible reset vector too. `abandon` says what an abandoned control transfer leaves
    behind: "recovers" or "ep0_dead". `configure_window_s` is how long the bootloader waits to be configured (1 s; a
    slow emulated kernel may need more), `enumeration_s` how long the virtual host takes to begin. `vhci_port` is for a
    real kernel only. `partition_table` and the three USB ids make another kind of camera of it: the first entry is its
    bootloader, the first on-chip one that may be written the firmware that starts; `table` is not looked at then.
    """

    serial: str
    port_path: str
    profile: str = "instant"
    scale: float = 1.0
    table: str = "current"
    bootloader: str = "1.0.3"
    external: str = ""
    mram_initialized: bool = True
    external_bytes: int | None = None
    release: str = ""
    contents: tuple[Content, ...] = ()
    faults: tuple[Fault, ...] = ()
    boot_s: float = 0.5
    application_serial: str = "eui"
    application: ApplicationSpec = _ORDINARY
    crash: str = "dead"
    crash_s: float = 1.0
    forced: bool = False
    requires_he: bool = False
    abandon: str = "recovers"
    configure_window_s: float = 1.0
    enumeration_s: float = 0.05
    trace: bool = False
    plugged: bool = True
    vhci_port: int | None = None
    vendor_id: int = VENDOR_ID
    bootloader_product_id: int = BOOTLOADER_PRODUCT_ID
    application_product_id: int = APPLICATION_PRODUCT_ID
    partition_table: Table = ()

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise _refused(f"camera {self.serial!r}: `{name}` is {getattr(self, name)!r}, allowed: {allowed}")
        _port_numbers(self.port_path)
        _version(self.bootloader)

    @property
    def times(self) -> TimeProfile:
        """The profile with `scale` applied."""
        return PROFILES[self.profile].scaled(self.scale)

    @property
    def has_mram(self) -> bool:
        """Whether the external memory is Everspin MRAM."""
        return (self.external or PROFILES[self.profile].external) == "mram"

    @property
    def partitions(self) -> Table:
        """The partition table, one entry an alternate setting."""
        return self.partition_table or TABLES[self.table]

    @property
    def version(self) -> tuple[int, int, int]:
        """The bootloader's version as numbers."""
        return _version(self.bootloader)

    @property
    def bus(self) -> int:
        """The bus number, the first of the port path."""
        return _port_numbers(self.port_path)[0]

    def initial_contents(self) -> tuple[Content, ...]:
        """`release` and `contents` as one list; a partition may occur twice, and the later entry wins."""
        released: tuple[Content, ...] = ()
        if self.release:
            names = {partition.name for partition in self.partitions}
            released = tuple(
                Content(partition, os.path.join(self.release, file))
                for partition, file in RELEASE_FILES.items()
                if partition in names
            )
        return released + self.contents

    def to_json(self) -> dict[str, Any]:
        """All fields, as `from_json` takes them."""
        raw = {item.name: getattr(self, item.name) for item in fields(self)}
        raw["contents"] = [{"partition": c.partition, "file": c.file, "fraction": c.fraction} for c in self.contents]
        raw["application"] = self.application.to_json()
        raw["partition_table"] = [asdict(partition) for partition in self.partition_table]
        raw["faults"] = [fault.to_json() for fault in self.faults]
        return raw

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> CameraSpec:
        """Read one camera; SettingsError names a wrong key, type or value and what is allowed."""
        serial = raw.get("serial")
        known = {item.name: item for item in fields(cls)}
        for key in raw:
            if key not in known:
                raise _refused(f"camera {serial!r}: unknown key {key!r}, allowed: {', '.join(known)}")
        for key in ("serial", "port_path"):
            if key not in raw:
                raise _refused(f"camera {serial!r}: `{key}` is missing")
        values = {key: _READERS[str(known[key].type)](f"camera {serial!r}: `{key}`", raw[key]) for key in raw}
        spec = cls(**values)
        for content in spec.contents:
            _checked_partition(spec, content)
        return spec

    def with_(self, **changes: Any) -> CameraSpec:
        """A copy with some fields changed."""
        return replace(self, **changes)


def load_specs(path: str) -> tuple[CameraSpec, ...]:
    """Read a file that holds a JSON list of cameras; SettingsError names the file and what is wrong in it."""
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(_SPEC_LIMIT + 1)
        if len(text) > _SPEC_LIMIT:
            raise SettingsError("settings.unreadable", f"{path}: larger than {_SPEC_LIMIT} characters")
        raw = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError("settings.unreadable", f"{path}: {reason(error)}") from error
    if not isinstance(raw, list) or not all(isinstance(item, dict) for item in raw):
        raise _refused(f"{path}: allowed is a list of objects, one a camera")
    try:
        return tuple(CameraSpec.from_json(item) for item in raw)
    except SettingsError as error:
        raise SettingsError(error.code, f"{path}: {error.message}") from error


def save_specs(path: str, specs: Iterable[CameraSpec]) -> None:
    """Write cameras as `load_specs` reads them."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump([spec.to_json() for spec in specs], file, indent=1)


_CHOICES: dict[str, tuple[str, ...]] = {
    "profile": tuple(PROFILES),
    "table": tuple(TABLES),
    "external": ("", "mram", "nor"),
    "crash": ("dead", "cycle"),
    "abandon": ("recovers", "ep0_dead"),
}


def _refused(message: str) -> SettingsError:
    return SettingsError("settings.invalid", message)


def _port_numbers(port_path: str) -> tuple[int, ...]:
    """Bus number and ports of a path like 1-1.4."""
    bus, _, ports = port_path.partition("-")
    numbers = (bus, *ports.split("."))
    if not all(number.isdecimal() and int(number) > 0 for number in numbers):
        raise _refused(f"`port_path` is {port_path!r}, allowed: BUS-PORT.PORT…, for example 1-1.4")
    return tuple(int(number) for number in numbers)


def _version(text: str) -> tuple[int, int, int]:
    numbers = text.split(".")
    if len(numbers) != 3 or not all(number.isdecimal() for number in numbers):
        raise _refused(f"`bootloader` is {text!r}, allowed: MAJOR.MINOR.PATCH, for example 1.0.3")
    return int(numbers[0]), int(numbers[1]), int(numbers[2])


def _checked_partition(spec: CameraSpec, content: Content) -> None:
    try:
        alt_of(spec.partitions, content.partition)
    except ValueError as error:
        raise _refused(f"camera {spec.serial!r}: {error}") from error


def _text(where: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _refused(f"{where} is {value!r}, allowed: text")
    return value


def _seconds(where: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise _refused(f"{where} is {value!r}, allowed: a number from 0")
    return float(value)


def _flag(where: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _refused(f"{where} is {value!r}, allowed: true or false")
    return value


def _number(where: str, value: Any) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise _refused(f"{where} is {value!r}, allowed: a whole number from 0, or null")
    return value


def _objects(where: str, value: Any) -> list[Mapping[str, Any]]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, Mapping) for item in value):
        raise _refused(f"{where} is {value!r}, allowed: a list of objects")
    return list(value)


def _faults(where: str, value: Any) -> tuple[Fault, ...]:
    return tuple(Fault.from_json(item) for item in _objects(where, value))


def _contents(where: str, value: Any) -> tuple[Content, ...]:
    known = {item.name for item in fields(Content)}
    contents = []
    for item in _objects(where, value):
        if set(item) - known or not {"partition", "file"} <= set(item):
            raise _refused(f"{where}: {dict(item)} has other keys than {', '.join(sorted(known))}")
        fraction = _seconds(f"{where}.fraction", item.get("fraction", 1.0))
        contents.append(Content(_text(where, item["partition"]), _text(where, item["file"]), min(fraction, 1.0)))
    return tuple(contents)


def _table(where: str, value: Any) -> Table:
    known = {item.name for item in fields(Partition)}
    for item in _objects(where, value):
        if set(item) != known or item["medium"] not in list(Medium):
            raise _refused(f"{where}: {dict(item)} is no partition; it has {', '.join(sorted(known))}")
    return tuple(Partition(**{**item, "medium": Medium(item["medium"])}) for item in value)


def _usb_id(where: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= 0xFFFF:
        raise _refused(f"{where} is {value!r}, allowed: a whole number from 1 to 65535")
    return value


_READERS: dict[str, Callable[[str, Any], Any]] = {
    "str": _text,
    "float": _seconds,
    "bool": _flag,
    "int": _usb_id,
    "int | None": _number,
    "Table": _table,
    "tuple[Content, ...]": _contents,
    "tuple[Fault, ...]": _faults,
    "ApplicationSpec": ApplicationSpec.from_json,
}
