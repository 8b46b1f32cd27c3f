"""Leaving the dashboard: where the line still runs, it is asked what is to become of it."""

from __future__ import annotations

from textual.app import App

from station.dashboard.exit_status import Leaving
from station.dashboard.language import tr
from station.dashboard.line_port import LinePort
from station.dashboard.screens.question import Question
from station.dashboard.state import State

LOOKS_EVERY_S = 0.1


def leave(app: App[Leaving], state: State, line: LinePort) -> None:
    """Leave; where the line still runs and this screen may steer it, ask first."""
    if state.snapshot.status.ended:
        app.exit(Leaving(line_goes_on=False))
    elif line.read_only:
        app.exit(Leaving(line_goes_on=True))
    elif not isinstance(app.screen, Question):
        text = tr("Leave this screen. What about the line? Running cameras finish in either case.")
        answers = (("l", tr("Leave it running")), ("s", tr("Stop the line")))
        app.push_screen(Question(text, answers), lambda answer: _left(app, state, line, answer))


def _left(app: App[Leaving], state: State, line: LinePort, answer: str | None) -> None:
    def leave_when_ended() -> None:
        if state.snapshot.status.ended:
            app.exit(Leaving(line_goes_on=False))

    if answer == "l":
        app.exit(Leaving(line_goes_on=True))
    elif answer == "s":
        line.ask("stop")
        app.set_interval(LOOKS_EVERY_S, leave_when_ended)
