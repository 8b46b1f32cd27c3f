"""What a camera is asked once its application runs: the tests there are, how much each decides, and their limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mode = Literal["off", "note", "required"]
"""Whether a test is made, and whether what it finds decides about the camera."""

TEST_NAMES = ("version", "sensor", "picture", "files", "he", "stays")
"""The tests, in the order in which a full run takes them: the one of the second core ends with a restart."""


@dataclass(frozen=True, slots=True)
class FunctionalTests:
    """The settings of `[test]`. Durations are seconds.

    `sensor_ids` are those that a good camera shows, none: any. `picture_of` is what the sensor shows: its own "ramp",
    where it has one, or "light". A mean brightness is 0 to 255. `answer_s` is for one answer, `limit_s` for one test,
    `port_s` for the serial port to appear. A required test that failed is tried `tries` times in all.
    """

    version: Mode = "note"
    sensor: Mode = "note"
    picture: Mode = "off"
    he: Mode = "off"
    files: Mode = "off"
    stays: Mode = "off"
    sensor_ids: tuple[int, ...] = ()
    picture_of: Literal["ramp", "light"] = "ramp"
    brightness_low: float = 0.0
    brightness_high: float = 255.0
    he_answer_s: float = 5.0
    stays_s: float = 3.0
    port_s: float = 5.0
    answer_s: float = 3.0
    limit_s: float = 10.0
    tries: int = 2

    def mode(self, name: str) -> Mode:
        """How much the test of this name decides."""
        mode: Mode = getattr(self, name)
        return mode
