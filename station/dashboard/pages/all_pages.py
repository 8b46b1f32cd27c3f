"""The pages in their order, each with the state and the two ports that it is given."""

from __future__ import annotations

from collections.abc import Mapping

from station.dashboard.line_port import LinePort
from station.dashboard.log_port import LogPort
from station.dashboard.pages.failed_page import FailuresPage
from station.dashboard.pages.help_page import HelpPage
from station.dashboard.pages.line_page import LinePage
from station.dashboard.pages.log_page import LogPage
from station.dashboard.pages.page import Page
from station.dashboard.pages.units_page import UnitsPage
from station.dashboard.pages.yield_page import YieldPage
from station.dashboard.state import State

PAGES: Mapping[str, type[Page]] = {
    "line": LinePage,
    "units": UnitsPage,
    "failures": FailuresPage,
    "yield": YieldPage,
    "log": LogPage,
    "help": HelpPage,
}


def pages(state: State, line: LinePort, log: LogPort) -> tuple[Page, ...]:
    """All of them, new."""
    return tuple(kind(name, state, line, log) for name, kind in PAGES.items())
