"""The pages in their order, each with the state and the two ports that it is given."""

from __future__ import annotations

from collections.abc import Mapping

from station.dashboard.line_port import LinePort
from station.dashboard.log_port import LogPort
from station.dashboard.log_source import LogSource
from station.dashboard.pages.failed_page import FailuresPage
from station.dashboard.pages.help_page import HelpPage
from station.dashboard.pages.line_page import LinePage
from station.dashboard.pages.log_page import LogPage
from station.dashboard.pages.page import Page
from station.dashboard.pages.sourced_page import SourcedPage
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


SOURCED_PAGES: Mapping[str, type[SourcedPage]] = {"units": UnitsPage, "failures": FailuresPage, "yield": YieldPage}
"""Those of which there may be all stations' too."""


def pages(state: State, line: LinePort, log: LogPort, source: LogSource) -> tuple[Page, ...]:
    """All of them, new."""
    return tuple(
        SOURCED_PAGES[name](name, state, line, source) if name in SOURCED_PAGES else kind(name, state, line, log)
        for name, kind in PAGES.items()
    )
