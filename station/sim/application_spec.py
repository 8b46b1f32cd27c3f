"""What the application of a virtual camera is like, as data: the key `application` of a camera."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from station.errors import SettingsError

SENSOR_ID = 0x7936
"""The PixArt PAG7936 of an AE3."""
ANSWERS = ("all", "protocol", "repl", "none")


@dataclass(frozen=True, slots=True)
class KnownScript:
    """A script that the camera can run: whichever holds the text `match`.

    It prints `output` at once (`{label}`, `{sensor_id}`, `{rom}` are replaced), runs for `seconds` and, where `raises`
    is not empty, ends with a traceback whose last line that is.
    """

    match: str
    output: str = ""
    raises: str = ""
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """As `from_json` takes it."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


@dataclass(frozen=True, slots=True)
class ApplicationSpec:
    """One application.

    `answers`: "all", "protocol" (the REPL is stuck), "repl" (firmware 4.x: no answer to the protocol) or "none" (mute).
    `sensor_id` 0 is no sensor. `label` "" is the one in the HP image. `rom_files` (name to size in bytes) None is what
    the ROMFS0 image holds. `he_answers`: whether the HE core does. `main_runs`: the user's main.py is running and never
    ends by itself. `watchdog_s`: it resets itself so long after it appeared, again and again. `scripts` come before
    the built-in ones.
    """

    answers: str = "all"
    firmware: str = "5.0.0"
    sensor_id: int = SENSOR_ID
    label: str = ""
    rom_files: Mapping[str, int] | None = None
    he_answers: bool = True
    main_runs: bool = False
    watchdog_s: float | None = None
    scripts: tuple[KnownScript, ...] = field(default=())

    @property
    def version(self) -> tuple[int, ...]:
        """The firmware's number as numbers."""
        return tuple(int(number) for number in self.firmware.split("."))

    def to_json(self) -> dict[str, Any]:
        """All fields, as `from_json` takes them."""
        raw = {item.name: getattr(self, item.name) for item in fields(self)}
        return raw | {
            "rom_files": None if self.rom_files is None else dict(self.rom_files),
            "scripts": [script.to_json() for script in self.scripts],
        }

    @classmethod
    def from_json(cls, where: str, raw: Any) -> ApplicationSpec:
        """Read one; SettingsError names a wrong key or value and what is allowed."""
        if not isinstance(raw, Mapping):
            raise _refused(f"{where} is {raw!r}, allowed: an object")
        for key, value in raw.items():
            if key not in _CHECKS:
                raise _refused(f"{where}: unknown key {key!r}, allowed: {', '.join(_CHECKS)}")
            good, allowed = _CHECKS[key]
            if not good(value):
                raise _refused(f"{where}.{key} is {value!r}, allowed: {allowed}")
        values = dict(raw)
        if "scripts" in values:
            values["scripts"] = tuple(KnownScript(**script) for script in values["scripts"])
        return cls(**values)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _is_id(value: Any) -> bool:
    return _is_number(value) and isinstance(value, int) and value <= 0xFFFF_FFFF


def _is_version(value: Any) -> bool:
    parts = value.split(".") if isinstance(value, str) else ()
    return len(parts) == 3 and all(part.isdecimal() and int(part) < 256 for part in parts)


def _is_files(value: Any) -> bool:
    return value is None or (isinstance(value, Mapping) and all(_is_id(size) for size in value.values()))


_SCRIPT_CHECKS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("match", "output", "raises"), lambda value: isinstance(value, str)),
    "seconds": _is_number,
}


def _is_script(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and bool(value.get("match"))
        and all(key in _SCRIPT_CHECKS and _SCRIPT_CHECKS[key](found) for key, found in value.items())
    )


_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "answers": (lambda value: value in ANSWERS, ", ".join(ANSWERS)),
    "firmware": (_is_version, "MAJOR.MINOR.PATCH, for example 5.0.0"),
    "sensor_id": (_is_id, "a whole number of 32 bits, 0 for no sensor"),
    "label": (lambda value: isinstance(value, str), "text"),
    "rom_files": (_is_files, "an object of names and sizes, or null"),
    "he_answers": (lambda value: isinstance(value, bool), "true or false"),
    "main_runs": (lambda value: isinstance(value, bool), "true or false"),
    "watchdog_s": (lambda value: value is None or _is_number(value), "a number from 0, or null"),
    "scripts": (
        lambda value: isinstance(value, list | tuple) and all(map(_is_script, value)),
        f"a list of objects with {', '.join(_SCRIPT_CHECKS)}; `match` is needed",
    ),
}


def _refused(message: str) -> SettingsError:
    return SettingsError("settings.invalid", message)
