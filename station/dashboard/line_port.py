"""What a screen may ask of the line: requests go up, and a person sees where one cannot be sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from station.dashboard.language import tr

STEERING = frozenset({"pause", "cancel", "rerun", "rerun_all", "batch", "restore", "move_camera", "engineer"})
"""The keys' actions that change something at the line."""


class Send(Protocol):
    """Sends a request by its name in `control/requests.py`; False where there is no line any more."""

    def __call__(self, do: str, **given: object) -> bool: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class LinePort:
    """The way to the line. `say` shows a text to whoever looks at this screen."""

    send: Send
    say: Callable[[str], None]
    read_only: bool = False

    def ask(self, do: str, **given: object) -> bool:
        """Send the line a request; False, after saying why, where it could not be sent."""
        if self.read_only:
            self.say(tr("This screen may only look."))
        elif not self.send(do, **given):
            self.say(tr("The line has ended."))
        else:
            return True
        return False

    def allows(self, action: str) -> bool:
        """Whether the key of this action works on this screen: where one may only look, none that steers does."""
        return not (self.read_only and action in STEERING)
