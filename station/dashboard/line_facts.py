"""Facts that the line posts, taken into the state; what a person hears or reads of them at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from station.control.wire import CentralLag, LineAbout
from station.dashboard.engineer_steps import EngineerSteps
from station.dashboard.input.label_scans import LabelScans
from station.dashboard.language import tr, translated
from station.dashboard.log_figures import Figures
from station.dashboard.rerun_requests import words_of
from station.dashboard.state import State, event_of_notice, event_of_run
from station.errors import HINTS
from station.problem import sentence_from_json
from station.terminal_text import printable


@dataclass(frozen=True, slots=True)
class LineFacts:
    """Takes facts in by their names. `ring` rings for an outcome, `refuse` shows a refusal, `say` an answer."""

    state: State
    figures: Figures
    ring: Callable[[str], None]
    refuse: Callable[[str], None]
    say: Callable[[str], None]
    changed: Callable[[], None]
    engineer: EngineerSteps
    labels: LabelScans

    def take(self, name: str, fact: Mapping[str, Any], about: LineAbout | None) -> None:
        """A fact, and what the line works on by now."""
        if name == "about":
            self.state.about, self.figures.stale = about, True
            self.figures.read(at_once=True)
            self.figures.learn()
        elif name == "run":
            self.state.add(event_of_run(fact))
            self.figures.stale = True
            self.ring(fact["outcome"])
        elif name == "notice":
            self.state.add(event_of_notice(fact))
        elif name == "central":
            self.state.central = CentralLag.from_json(fact)
        elif name == "refused":
            text = printable(translated(sentence_from_json(fact.get("message", fact["text"]))))
            if _is_binding(fact.get("asked")):
                self.labels.refused(text, tr(HINTS.get(str(fact["code"]), "")))
            elif not self.engineer.refused(str(fact["code"]), text, fact.get("asked")):
                self.refuse(text)
        elif name == "bound":
            self.labels.bound(fact, self.state.slots)
        elif name == "engineer":
            self.engineer.stands(fact)
        elif name == "ways" and (words := words_of(fact)):
            self.say(words)
        self.changed()


def _is_binding(asked: object) -> bool:
    return isinstance(asked, Mapping) and asked.get("do") == "bind_unit"
