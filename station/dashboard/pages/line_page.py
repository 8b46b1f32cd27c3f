"""The line: a tile for each slot."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from station.dashboard.input.label_scans import LabelScans
from station.dashboard.language import tr
from station.dashboard.line_port import LinePort
from station.dashboard.log_port import LogPort
from station.dashboard.pages.page import Page
from station.dashboard.rerun_requests import rerun, rerun_failed
from station.dashboard.screens.question import Question
from station.dashboard.state import State
from station.dashboard.tiles.tile_content import FINISHED, face_of
from station.dashboard.tiles.tile_grid import SlotGrid
from station.dashboard.widgets.status_lines import unproven_words
from station.model.slots import SlotState, SlotView

AS_WISHED = frozenset({SlotState.PASSED, SlotState.SKIPPED})
RUNNING = frozenset({SlotState.HOLDING, SlotState.WAITING, SlotState.RUNNING})


class LinePage(Page):
    """All slots at once: which are done, which are running, which camera to take out."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", "Pause"),
        Binding("c", "cancel", "Cancel"),
        Binding("r", "rerun", "Re-run"),
        Binding("enter", "chosen", "Re-run", show=False),
        Binding("R", "rerun_all", "All failed"),
        Binding("u", "restore", "Use slot again", show=False),
        Binding("n", "move_camera('new')", "New cameras"),
        Binding("x", "move_camera('unplug')", "Pull out"),
        Binding("i", "move_camera('replug')", "Plug in again"),
    ]

    def __init__(self, name: str, state: State, line: LinePort, log: LogPort) -> None:
        super().__init__(name, state, line, log)
        self._movable = False
        self.labels: LabelScans | None = None
        """The labels that were scanned on this screen."""
        self._seen: dict[str, str] | None = None
        """The newest finished run of each port that was shown; None before the line has reported any port."""

    def compose(self) -> ComposeResult:
        """The grid of tiles."""
        yield SlotGrid()

    def show_state(self) -> None:
        """Show the newest state of the line."""
        state, now_s = self.state, time.monotonic()
        slots = state.slots
        grid = self.query_one(SlotGrid)
        faces = [face_of(view, state.pace, state.images, now_s) for view in slots]
        if unproven := ", ".join(unproven_words(state.about)):
            faces = [replace(face, unproven=unproven) for face in faces]
        grid.show(faces)
        finished = self._just_finished(slots)
        if self.state.signals:
            grid.light_up([number for number in finished if slots[number].state in AS_WISHED])
            grid.light_up([number for number in finished if slots[number].state not in AS_WISHED], times=2)

    def _just_finished(self, slots: Sequence[SlotView]) -> list[int]:
        """Tiles whose run has ended since the last look: by the run, for it may begin and end between two looks."""
        if not slots:
            return []
        ended = [(number, view) for number, view in enumerate(slots) if view.state in FINISHED]
        seen, self._seen = self._seen, {**(self._seen or {}), **{view.port_path: view.run_id for _, view in ended}}
        return [] if seen is None else [number for number, view in ended if seen.get(view.port_path) != view.run_id]

    @property
    def selected(self) -> SlotView | None:
        """The slot whose tile is selected."""
        slots, number = self.state.slots, self.query_one(SlotGrid).selected
        return slots[number] if number < len(slots) else None

    def select(self, number: int) -> None:
        """Select the slot of this tile."""
        self.query_one(SlotGrid).select(number)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only the demo's cameras are moved by keys; nobody is shown keys that do nothing."""
        about = self.state.about
        if action == "move_camera" and not (about is not None and about.movable):
            return False
        return super().check_action(action, parameters)

    def facts_changed(self) -> None:
        """What the line works on says which keys there are."""
        about = self.state.about
        movable = about is not None and about.movable
        if movable != self._movable:
            self._movable = movable
            self.refresh_bindings()

    def action_move_camera(self, move: str) -> None:
        """Do with the demo's cameras what hands do: with that in the selected slot, or "new" ones in all that wait."""
        if move == "new":
            self.line.ask("move_camera", move=move)
        elif self.selected is not None:
            self.line.ask("move_camera", move=move, port_path=self.selected.port_path)

    def action_pause(self) -> None:
        """Pause the line, or let it go on."""
        self.line.ask("resume" if self.state.snapshot.status.paused else "pause")

    def action_cancel(self) -> None:
        """Cancel the selected slot; where it is running, ask first."""
        view = self.selected
        if view is None or view.state not in RUNNING:
            self.notify(tr("Nothing runs in this slot."))
        elif view.state is SlotState.RUNNING:
            text = tr("Cancel slot {slot}? The camera is left half written.").format(slot=view.slot)
            answers = (("n", tr("No, go on")), ("y", tr("Yes, cancel")))
            self.app.push_screen(Question(text, answers), lambda answer: self._cancel(view, answer))
        else:
            self._cancel(view, "y")

    def _cancel(self, view: SlotView, answer: str | None) -> None:
        if answer == "y":
            self.line.ask("cancel", port_path=view.port_path)

    def action_rerun(self) -> None:
        """Run the camera in the selected slot once more."""
        if self.selected is not None:
            rerun(self.line, [self.selected])

    def action_chosen(self) -> None:
        """The selected slot: a label that waits is bound to its camera; else its camera is run once more."""
        labels = self.labels
        if labels is None or not labels.waits:
            self.action_rerun()
        elif self.selected is not None and labels.has_label:
            labels.place(self.selected, self.state.slots)

    def action_rerun_all(self) -> None:
        """Run every camera once more that failed and is still in its slot."""
        rerun_failed(self.line, self.state.slots)

    def action_restore(self) -> None:
        """Use the selected slot again, where it was taken out."""
        view = self.selected
        if view is None or view.state is not SlotState.TAKEN_OUT:
            self.notify(tr("This slot is not taken out."))
        else:
            self.line.ask("restore_slot", port_path=view.port_path)
