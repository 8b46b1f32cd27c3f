"""Made-up releases of the AE3 for tests."""

from __future__ import annotations

from pathlib import Path

from station.board.openmv_ae3 import OPENMV_AE3
from station.bundle import demo_release

MIB = 1 << 20


def make_demo_release(
    folder: Path,
    *,
    version: str = "v0.0.0-demo",
    hp_bytes: int = 5 * MIB // 2,
    he_bytes: int = MIB,
    romfs0_bytes: int = 12 * MIB,
    romfs1_bytes: int = MIB // 4,
    seed: int = 0,
) -> None:
    """Write the four files of a release, of these sizes, into a folder."""
    sizes_bytes = {"HP": hp_bytes, "HE": he_bytes, "ROMFS0": romfs0_bytes, "ROMFS1": romfs1_bytes}
    demo_release.make_demo_release(folder, OPENMV_AE3, version=version, sizes_bytes=sizes_bytes, seed=seed)
