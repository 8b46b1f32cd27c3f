"""The factory's system, asked in threads: one for each question, so that no camera waits for another's answer."""

from __future__ import annotations

import threading
from collections.abc import Callable

from station.line.setup import PermissionTerms
from station.line.slot_events import AskFactory
from station.model.permission import Answer, Permission
from station.problem import mistake_of_ours

OnPermission = Callable[[str, str, Permission], None]


class PermissionQuestions:
    """Asks what it is given; each question is answered once, however long that takes."""

    def __init__(self, on_answer: OnPermission) -> None:
        """`on_answer` is called in the question's thread: with the port path, the ticket and the answer."""
        self._on_answer = on_answer

    def ask(self, path: str, asked: AskFactory, terms: PermissionTerms | None) -> None:
        """Ask; returns at once."""
        if terms is not None:
            threading.Thread(
                target=self._ask, args=(path, asked, terms), name=f"permission {path}", daemon=True
            ).start()

    def _ask(self, path: str, asked: AskFactory, terms: PermissionTerms) -> None:
        try:
            permission = terms.ask(asked.question)
        except Exception as error:  # whatever it is, the camera must not wait for it
            permission = Permission(Answer.SILENT, mistake_of_ours(error).message)
        self._on_answer(path, asked.ticket, permission)
