"""What the doctor sees of the stack light."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

from station.cli.finding import Finding
from station.errors import HINTS, UsageError

if TYPE_CHECKING:
    from station.model.stack_lights import StackLight
    from station.settings import Settings


def light_findings(settings: Settings) -> Iterator[Finding]:
    """Whether the light that is configured is there. It is not touched: a line that runs drives it."""
    light = settings.stack_light.light
    if light.kind != "off":
        wrong = _wrong_command(light) if light.kind == "command" else _wrong_port(light)
        if wrong is None:
            yield Finding("stack light", True, "is there")
        else:
            code = "light.command" if light.kind == "command" else "light.gone"
            yield Finding("stack light", False, wrong, HINTS[code], UsageError.exit_code)


def _wrong_port(light: StackLight) -> str | None:
    if not os.path.exists(light.port):
        return f"{light.port} is not there"
    if not os.access(light.port, os.R_OK | os.W_OK):
        return f"no permission to open {light.port}: the user needs the group that it belongs to (dialout)"
    return None


def _wrong_command(light: StackLight) -> str | None:
    program = shlex.split(light.command)[0]
    return None if shutil.which(program) else f"{program} is no program that can be started"
