"""Everything that the rig does inside its guest, in one process: `python -m tests.rig.inside [SESSION…]`.

It imports no pytest, which alone would cost seconds in a guest; each case's result goes to `results.jsonl` in the
shared scratch folder as soon as it is known, and a test on the host reads it there.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.rig.sessions import GOLDEN, SESSIONS
from tests.rig.workbench import Workbench, open_to_all


def main(names: list[str]) -> int:
    """Run the sessions named, all without a name."""
    shared = Path(os.environ["STATION_RIG_SCRATCH"])
    scratch = Path(tempfile.mkdtemp(prefix="rig-"))
    scratch.chmod(0o755)
    open_to_all(sys.prefix)
    open_to_all(sys.base_prefix)
    bench = Workbench(scratch, shared / "results.jsonl")
    with bench.opened():
        for session in SESSIONS:
            if not names or session.__name__ in names:
                bench.session(session)
    found = scratch / GOLDEN.name
    if found.exists():
        (shared / GOLDEN.name).write_text(found.read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
