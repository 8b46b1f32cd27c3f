"""What a run measures of the bench and of the camera besides its tests, where the line is to qualify itself.

They are measurements of the attempt, so that they stand in the log with everything else. No limit judges them.
"""

from __future__ import annotations

from typing import Final

HOLD_S: Final = "hold_s"
"""From the request to hold the camera until it was held."""
BCD_DEVICE: Final = "bcd_device"
TRANSFER_BYTES: Final = "transfer_bytes"
PROBES: Final = "size_probes"
"""How many of the partitions' ends were asked for."""
PROBES_UNLIKE: Final = "size_probes_unlike"
"""How many of them were answered otherwise than expected, or not at all."""
BOOT_S: Final = "boot_s"
"""From the request to leave the bootloader until the application was on the bus."""
WINDOW_S: Final = "window_s"
"""How long the bootloader waited, where it came back on the way to the application; nobody held it."""
DETACH_REPEATS: Final = "detach_repeats"
PORT_RESETS: Final = "port_resets"
INTERFACES: Final = "application_interfaces"
"""The application's USB interfaces as class/subclass, hexadecimal, in order: "02/02 0A/00 08/06"."""
SENSOR_ID: Final = "sensor_id"
"""The tests' own; see `station.flash.checks`."""
