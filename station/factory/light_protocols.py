"""The bytes that stack lights understand. Both kinds are a serial port over USB, 9600 8N1, and say nothing back.

1. Adafruit 5125: one byte a command, 0x1N on and 0x2N off; N is 1 for red, 2 for yellow, 4 for green, 8 for the buzzer.
   As in the example that Adafruit gives with the product. (0x4N blinks; the station blinks by itself, see 3.)
2. SL60USB2: four bytes, 0xA0, the lamp (1 red, 2 green, 3 yellow, 4 the buzzer), 1 or 0, and the sum of these three. As
   in its maker's sheet "USB Stack Light Serial Communications" of 2023 and of 2024.
3. Neither goes dark by itself where the station falls silent. So nothing here blinks in the light: where the blinking
   stops, nobody drives it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from station.model.stack_lights import Lamps

RATE = 9600
_ADAFRUIT = {"red": 1, "yellow": 2, "green": 4}
_ADAFRUIT_BUZZER_OFF = 0x28
_SL60 = {"red": 1, "green": 2, "yellow": 3}
_SL60_BUZZER = 4


def adafruit_5125(lamps: Lamps) -> bytes:
    """Every lamp as it is to be, and the buzzer off."""
    lit = bytes((0x10 if getattr(lamps, name) else 0x20) | bit for name, bit in _ADAFRUIT.items())
    return bytes([_ADAFRUIT_BUZZER_OFF]) + lit


def sl60usb2(lamps: Lamps) -> bytes:
    """Every lamp as it is to be, and the buzzer off."""
    wanted = {number: int(getattr(lamps, name)) for name, number in _SL60.items()} | {_SL60_BUZZER: 0}
    return b"".join(bytes([0xA0, number, on, 0xA0 + number + on]) for number, on in sorted(wanted.items()))


PROTOCOLS: Mapping[str, Callable[[Lamps], bytes]] = {"adafruit5125": adafruit_5125, "sl60usb2": sl60usb2}
