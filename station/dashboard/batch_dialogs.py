"""Beginning, changing and ending a batch: which question follows which."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from textual.app import App

from station.dashboard.language import tr
from station.dashboard.line_port import LinePort
from station.dashboard.log_port import LogPort
from station.dashboard.screens.batch_form import BatchDialog, BatchWanted, closing_lines
from station.dashboard.screens.question import Question, UnarmedQuestion
from station.dashboard.state import State
from station.model.slots import SlotState
from station.yields.balance import BatchSummary

AT_WORK = frozenset({SlotState.RUNNING, SlotState.RECORDING})


class BatchSteps:
    """What the dashboard asks about the batch, and what it tells the line."""

    def __init__(self, app: App[Any], state: State, line: LinePort, log: LogPort) -> None:
        self._app = app
        self._state = state
        self._line = line
        self._log = log
        self._put_off = ""
        self._question: Question | None = None

    @property
    def _name(self) -> str:
        about = self._state.about
        return about.batch or "" if about else ""

    def open(self) -> None:
        """The key for batches: begin one where there is none, else ask what is to become of it."""
        if not self._name:
            self._ask_for_one(tr("Begin a batch"))
        elif self._state.snapshot.status.plan_reached:
            self._ask_how_to_go_on()
        else:
            text = tr("Batch {name}: change operator or quantity, or end it?").format(name=self._name)
            answers = (("c", tr("Change it")), ("x", tr("End it")))
            self._app.push_screen(Question(text, answers), self._answered)

    def look(self, *, nobody_types: bool) -> None:
        """Ask by itself once every planned unit has its result; who types or answers is not interrupted."""
        if not self._state.snapshot.status.plan_reached:
            self._put_off = ""
            if self._question is not None and self._question.is_current:
                self._question.dismiss("")  # somebody answered on another screen
        elif self._put_off != self._name and nobody_types:
            self._ask_how_to_go_on()

    def _ask_how_to_go_on(self) -> None:
        about = self._state.about
        self._put_off = self._name
        text = tr("Batch {name}: all {planned} planned units have a result. New cameras are held and wait.")
        answers = (("g", tr("Go on with it")), ("x", tr("End it")))
        planned = about.planned if about else None
        self._question = UnarmedQuestion(text.format(name=self._name, planned=planned), answers)
        self._app.push_screen(self._question, self._answered)

    def _answered(self, answer: str | None) -> None:
        self._question = None
        if answer == "g":
            self._line.ask("go_on_with_batch", name=self._name)
        elif answer == "c":
            self._ask_for_one(tr("Change the batch, or begin another"))
        elif answer == "x" and self._name:
            name = self._name
            self._log.ask(lambda records: records.batch_summary(name), self._show_closing)

    def _ask_for_one(self, title: str) -> None:
        about = self._state.about
        if about is not None:
            dialog = BatchDialog(title, about.batch or "", about.operator or "", about.planned)
            self._app.push_screen(dialog, self._wanted)

    def _wanted(self, wanted: BatchWanted | None) -> None:
        """What was typed or scanned: a batch that is nearly another one may be that one."""
        if wanted is None:
            return
        if wanted.name == self._name:
            self._begin(wanted)
            return
        name = wanted.name
        self._log.ask(lambda records: (wanted, records.near_batches(name)), self._show_near)

    def _show_near(self, found: tuple[BatchWanted, list[str]]) -> None:
        wanted, near = found
        if not near:
            self._begin(wanted)
            return
        text = tr("There is no batch {name} yet, but {near}. Is it that one?")
        answers = (
            ("y", tr("Yes: {near}").format(near=near[0])),
            ("n", tr("No: begin {name}").format(name=wanted.name)),
        )
        question = UnarmedQuestion(text.format(name=wanted.name, near=", ".join(near)), answers)
        self._app.push_screen(question, partial(self._near_answered, wanted, near[0]))

    def _near_answered(self, wanted: BatchWanted, near: str, answer: str | None) -> None:
        if answer == "y":
            self._begin(replace(wanted, name=near))
        elif answer == "n":
            self._begin(wanted)

    def _begin(self, wanted: BatchWanted) -> None:
        self._line.ask("begin_batch", name=wanted.name, operator=wanted.operator, planned=wanted.planned)

    def _show_closing(self, summary: BatchSummary) -> None:
        running = sum(view.state in AT_WORK for view in self._state.slots)
        answers = (("x", tr("End the batch")), ("k", tr("Keep it open")))
        question = UnarmedQuestion("\n".join(closing_lines(summary, running)), answers)
        self._app.push_screen(question, lambda answer: self._close(summary.name, answer))

    def _close(self, name: str, answer: str | None) -> None:
        if answer == "x":
            self._line.ask("end_batch", name=name)
            self._app.notify(tr("The line is paused: b begins the next batch, p goes on without one."))
