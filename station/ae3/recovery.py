"""The key that makes the bootloader initialize an Everspin MRAM: downloaded as the one block of RECOVERY.

Nothing is stored. The device resets the memory chip, writes its configuration registers, lifts its locks and erases it
several times, all within this block; the chip is blank afterwards. A board with NOR flash refuses with errWRITE.
"""

from __future__ import annotations

from typing import Final

RECOVERY_KEY: Final = bytes.fromhex("159e7d42961a71eb73a326292b08090e").ljust(4096, b"\0")
