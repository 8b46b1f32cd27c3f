"""What every check is given, and what it comes back with."""

from __future__ import annotations

from dataclasses import dataclass

from station.board.application_rule import ApplicationRule
from station.board.board import Board
from station.flash.app_session import AppSession
from station.model.functional_tests import FunctionalTests
from station.model.measurements import Measurement
from station.model.runs import ImagePlan
from station.problem import Sentence

NO_COMPLAINT = Sentence("")


@dataclass(frozen=True, slots=True)
class Subject:
    """One camera in its application, and what is known of it. Texts are "" where nothing is."""

    session: AppSession
    board: Board
    rule: ApplicationRule
    tests: FunctionalTests
    bootloader: str
    label: str
    files_image: ImagePlan | None


@dataclass(frozen=True, slots=True)
class Finding:
    """What was measured, and what is wrong with it in one line; "" where nothing is."""

    measurements: tuple[Measurement, ...]
    complaint: Sentence = NO_COMPLAINT
