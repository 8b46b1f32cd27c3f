"""The keys as the footer and the command palette name them: in the operator's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from textual.binding import ActiveBinding, Binding

from station.dashboard.language import LANGUAGES, following, mark, tr


def label(binding: Binding) -> str:
    """What the key does. The language key is named in the language that it leads to: who needs it can read that."""
    return LANGUAGES[following()] if binding.action == "language" else tr(binding.description)


def translated(bindings: Mapping[str, ActiveBinding]) -> dict[str, ActiveBinding]:
    """The bindings with their descriptions in the operator's language."""
    return {
        key: active._replace(binding=replace(active.binding, description=label(active.binding)))
        for key, active in bindings.items()
    }


def _switch(
    key: str, where_typed: str, page: str, name: str, key_display: str | None = None
) -> tuple[Binding, Binding]:
    """Two keys to a page. The footer names the first that works: in a field, a character is only typed."""
    action = f"show_page('{page}')"
    return (Binding(key, action, name, key_display=key_display), Binding(where_typed, action, name))


PROGRAM_KEYS = (
    Binding("b", "batch", "Batch"),
    Binding("q", "leave", "Leave"),
    Binding("ctrl+q", "leave", "Leave", show=False),
    Binding("ctrl+c", "leave", "Leave", show=False),
    *_switch("question_mark", "f6", "help", mark("Help"), key_display="?"),
    *_switch("1", "f1", "line", mark("Line")),
    *_switch("2", "f2", "units", mark("Units")),
    *_switch("3", "f3", "failures", mark("Failures")),
    *_switch("4", "f4", "yield", mark("Yield")),
    *_switch("5", "f5", "log", mark("Log")),
    Binding("f7", "all_stations", "All stations", show=False),
    Binding("f9", "next_station", "Next station", show=False),
    Binding("l", "language", "Language"),
    Binding("f8", "language", "Language"),
    Binding("t", "theme", "Light/dark", show=False),
    Binding("e", "engineer", "Engineer", show=False),
    Binding("s", "signals", "Sound, flash", show=False),
)
"""The keys that work on every page."""
