"""`python -m tests.torture --seconds 3600 --slots 24 [--seed N] [--plant DEFECT]`: the torture test by hand.

Prints cameras, faults by kind, what was done, and every violation; exits with 1 where there is one. A seed repeats the
choices; what they meet depends on the machine.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.releases import make_demo_release
from tests.torture.bench import Tortured
from tests.torture.planted import DEFECTS, plant

SIZES = {"hp_bytes": 41_003, "he_bytes": 20_480, "romfs1_bytes": 9_001, "romfs0_bytes": 400_000}


def main() -> int:
    """Run it once."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--slots", type=int, default=24)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--plant", choices=[*DEFECTS], help="a defect that it has to find")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ae3-torture-") as name:
        folder = Path(name)
        release = folder / "release"
        release.mkdir()
        make_demo_release(release, version="4.7.0", **SIZES)
        path = plant(given.plant, folder / "planted") if given.plant else None
        result = Tortured(folder, release, given.slots, given.seed, path).run(given.seconds)
    print(result.text())
    return 1 if result.violations else 0


if __name__ == "__main__":
    sys.exit(main())
