"""Commands of this program, as they can be copied into the shell that it was started from."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

NAME = "station"


def own_command(*words: str | None) -> str:
    """A command line that starts this very program: by its name where the shell finds it, else by its place."""
    return shlex.join([_program(), *(word for word in words if word is not None)])


def _program() -> str:
    script = Path(sys.executable).with_name(NAME)
    found = shutil.which(NAME)
    if found is not None and os.path.realpath(found) == os.path.realpath(script):
        return NAME
    near = os.path.relpath(script)
    return near if not near.startswith("..") else str(script)
