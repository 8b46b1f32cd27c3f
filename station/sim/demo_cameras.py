"""The cameras of the demo line: enough to see a pass, a failure and an MRAM initialization."""

from __future__ import annotations

import hashlib

from station.sim.faults import Fault
from station.sim.spec import CameraSpec

PORTS_A_HUB = 8
CHIP_ID_BYTES = 12
FAILS_EVERY = 6
_WEEK, _LOT = 4, 5


def demo_serial(index: int) -> str:
    """24 upper-case hex digits that look like a chip id and are the same every time.

    The two real application serials that are known decode to week 0 and lot 0: bytes 4 and 5 of the chip id.
    """
    data = bytearray(hashlib.sha256(f"AE3 demo camera {index}".encode()).digest()[:CHIP_ID_BYTES])
    data[_WEEK] &= 0xC0
    data[_LOT] = 0
    return data.hex().upper()


def demo_port_path(index: int) -> str:
    """Ports 1-1.1 to 1-1.8, then those of a second hub, and so on."""
    return f"1-{1 + index // PORTS_A_HUB}.{1 + index % PORTS_A_HUB}"


def demo_specs(
    cameras: int = 8, scale: float = 1.0, plugged: bool = True, *, sound: bool = False
) -> tuple[CameraSpec, ...]:
    """Blank MRAM boards. With two or more, one's application never comes up and one's MRAM was never initialized.

    `sound`: nothing is wrong with any of them.
    """
    fails, uninitialized = (cameras // 3, 2 * cameras // 3) if cameras > 1 and not sound else (-1, -1)
    specs = (_blank(index, demo_port_path(index), scale=scale, plugged=plugged) for index in range(cameras))
    return tuple(
        spec.with_(
            mram_initialized=index != uninitialized,
            faults=(Fault("boot_never", times=None),) if index == fails else (),
        )
        for index, spec in enumerate(specs)
    )


def next_demo_spec(index: int, port_path: str) -> CameraSpec:
    """The camera of this number, counted on from those that were there at first. Every sixth one's application does
    not come up before it is plugged in again."""
    faults = (Fault("boot_never", times=1),) if index % FAILS_EVERY == 0 else ()
    return _blank(index, port_path).with_(faults=faults)


def _blank(index: int, port_path: str, *, scale: float = 1.0, plugged: bool = True) -> CameraSpec:
    return CameraSpec(
        serial=demo_serial(index),
        port_path=port_path,
        profile="mram",
        scale=scale,
        boot_s=1.0,
        plugged=plugged,
        # They wait in their bootloader as long as it takes: on a busy laptop nobody is to learn what a lost hold is.
        forced=True,
    )
