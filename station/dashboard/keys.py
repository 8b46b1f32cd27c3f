"""The keys as the footer and the command palette name them: in the operator's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from textual.binding import ActiveBinding, Binding

from station.dashboard.language import LANGUAGES, following, tr


def label(binding: Binding) -> str:
    """What the key does. The language key is named in the language that it leads to: who needs it can read that."""
    return LANGUAGES[following()] if binding.action == "language" else tr(binding.description)


def translated(bindings: Mapping[str, ActiveBinding]) -> dict[str, ActiveBinding]:
    """The bindings with their descriptions in the operator's language."""
    return {
        key: active._replace(binding=replace(active.binding, description=label(active.binding)))
        for key, active in bindings.items()
    }
