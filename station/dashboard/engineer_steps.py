"""An act that needs an engineer: the PIN is asked for, sent to the line, and the act asked for once more."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from textual.app import App

from station.dashboard.line_port import LinePort
from station.dashboard.screens.pin_form import PinDialog, PinGiven
from station.dashboard.state import State

NEEDED = "role.engineer_needed"
ASKS_AGAIN = frozenset({"role.wrong_pin", "role.too_many_tries"})


class EngineerSteps:
    """What the dashboard asks of an engineer. The line decides; here is only who is asked what."""

    def __init__(self, app: App[Any], state: State, line: LinePort, changed: Callable[[], None]) -> None:
        self._app = app
        self._state = state
        self._line = line
        self._changed = changed
        self._wanted: Mapping[str, Any] | None = None
        self._name = ""

    def toggle(self) -> None:
        """The key: an engineer is one no longer, or somebody becomes one."""
        if self._state.engineer_left_s() > 0:
            self._line.ask("end_engineer")
        else:
            self._wanted = None
            self._ask()

    def refused(self, code: str, text: str, asked: Mapping[str, Any] | None) -> bool:
        """A refusal; True where a dialog says it."""
        if code == NEEDED and asked is not None:
            self._wanted = asked
            self._ask()
        elif code in ASKS_AGAIN:
            self._ask(text)
        else:
            return False
        return True

    def stands(self, fact: Mapping[str, Any]) -> None:
        """The line says whether this screen is an engineer's, and for how long."""
        seconds, name = float(fact.get("seconds") or 0.0), str(fact.get("name") or "")
        self._state.engineer, self._state.engineer_until_s = name, time.monotonic() + seconds
        wanted, self._wanted = self._wanted, None
        if seconds and wanted is not None:
            given = dict(wanted)
            self._line.ask(str(given.pop("do")), **given)
        self._changed()

    def _ask(self, wrong: str = "") -> None:
        if not isinstance(self._app.screen, PinDialog):
            self._app.push_screen(PinDialog(self._name, wrong), self._given)

    def _given(self, given: PinGiven | None) -> None:
        if given is None:
            self._wanted = None
            return
        self._name = given.name
        self._line.ask("prove_engineer", pin=given.pin, name=given.name)
