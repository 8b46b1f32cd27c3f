"""Stack lights: the lamps of one, and how it is configured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LightKind = Literal["off", "adafruit5125", "sl60usb2", "command"]


@dataclass(frozen=True, slots=True)
class StackLight:
    """A light, as it is configured. `port` is a serial port, `command` a command line that gets the signal as its last
    word. `wink_s`: a green that is steady goes dark for a moment so often; 0: never."""

    kind: LightKind = "off"
    port: str = ""
    command: str = ""
    wink_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Lamps:
    """Which lamps burn at this moment. Blinking is done by the station, lamp by lamp."""

    red: bool = False
    yellow: bool = False
    green: bool = False


DARK = Lamps()
