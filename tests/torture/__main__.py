"""The torture test by hand: `python -m tests.torture --seconds 3600 [--slots 24] [--seed N] [--plant DEFECT]`.

In the rig's guest, with a real kernel, real udev and a data folder that really is full at times; `--virtual`: on this
machine, with the station's own host. Prints cameras, faults by kind, what was done, and every violation; exits with 1
where there is one. A seed repeats the choices; what they meet depends on the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from tests.releases import make_demo_release
from tests.rig.guest import run_in_guest
from tests.rig.small_disk import SmallDisk
from tests.rig.workbench import install_rule
from tests.torture.bench import Tortured
from tests.torture.planted import DEFECTS, plant

SIZES = {"hp_bytes": 41_003, "he_bytes": 20_480, "romfs1_bytes": 9_001, "romfs0_bytes": 400_000}
SLOTS = 24
AFTERWARDS_S = 600.0
"""The account may take so long, and the start."""
ACCOUNT_S = 300.0
ACCOUNT_OF_A_DEFECT_S = 10.0
"""For a planted defect, on this machine. An account puts another camera into every slot."""
IN_THE_GUEST_S = 60.0
"""The same in the slower guest: a camera has to come to its end before, or nothing of it can be wrong."""
RESULT = "torture.json"
IN_THE_GUEST = "--in-the-guest"


def main() -> int:
    """Run it once."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--slots", type=int, default=SLOTS)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--plant", choices=[*DEFECTS], help="a defect that it has to find")
    parser.add_argument("--virtual", action="store_true", help="without a kernel of its own")
    parser.add_argument(IN_THE_GUEST, action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.virtual or given.in_the_guest:
        return _run(given)
    with tempfile.TemporaryDirectory(prefix="ae3-torture-") as name:
        command = guest_command(given.seconds, given.slots, given.seed, given.plant)
        return run_in_guest(command, Path(name), given.seconds + AFTERWARDS_S, echo=True).exit_code


def guest_command(seconds: float, slots: int, seed: int, defect: str | None = None) -> list[str]:
    """What is run in the guest."""
    numbers = ["--seconds", str(seconds), "--slots", str(slots), "--seed", str(seed)]
    return [
        *(sys.executable, "-m", "tests.torture", IN_THE_GUEST),
        *numbers,
        *(["--plant", defect] if defect else []),
    ]


def _run(given: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="ae3-torture-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        release = folder / "release"
        release.mkdir()
        make_demo_release(release, version="4.7.0", **SIZES)
        path = plant(given.plant, folder / "planted") if given.plant else None
        disk = None
        if given.in_the_guest:
            install_rule(installed=True)
            disk = SmallDisk(folder / "data")
        tortured = Tortured(folder, release, given.slots, given.seed, path, kernel=given.in_the_guest, disk=disk)
        planted_s = IN_THE_GUEST_S if given.in_the_guest else ACCOUNT_OF_A_DEFECT_S
        every_s = planted_s if given.plant else ACCOUNT_S
        result = tortured.run(given.seconds, every_s, until_found=bool(given.plant))
    print(result.text())
    if shared := os.environ.get("STATION_RIG_SCRATCH"):
        (Path(shared) / RESULT).write_text(json.dumps(asdict(result)))
    return 1 if result.violations else 0


if __name__ == "__main__":
    sys.exit(main())
