"""The steps and the recipes that a board gives: words of the configuration, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping

from station.board.board import Board
from station.model.functional_tests import TEST_NAMES
from station.model.recipes import Step, StepKind

INIT_MRAM = "init-mram"
ERASE_FILESYSTEM = "erase-filesystem"
TESTS = tuple(f"test-{name}" for name in TEST_NAMES)


def steps_of(board: Board) -> Mapping[str, Step]:
    """What a recipe for this board can consist of."""
    steps = {name: Step(StepKind.WRITE, name) for name in board.image_order}
    if board.recovery is not None:
        steps[INIT_MRAM] = Step(StepKind.INITIALIZE_MRAM)
    if board.filesystem is not None:
        steps[ERASE_FILESYSTEM] = Step(StepKind.ERASE_FILESYSTEM)
    if board.application is not None:
        steps |= {word: Step(StepKind.TEST, test=name) for word, name in zip(TESTS, TEST_NAMES, strict=True)}
    return steps


def recipes_of(board: Board) -> Mapping[str, tuple[str, ...]]:
    """The recipes that exist without a configuration: everything, and each image by itself in lower case.

    Those that write everything have every test; which of them are made, and decide, is said elsewhere.
    """
    tests = TESTS if board.application is not None else ()
    cores = [core.name for core in board.cores]
    others = sorted(name for name in board.image_order if name not in cores)
    recipes = {"full": (*board.image_order, *tests), **{name.lower(): (name,) for name in (*cores, *others)}}
    if board.recovery is not None:
        recipes["mram-init"] = (INIT_MRAM, board.recovery.image)
        recipes["full-mram"] = (INIT_MRAM, *board.image_order, *tests)
    if board.filesystem is not None:
        recipes[ERASE_FILESYSTEM] = (ERASE_FILESYSTEM,)
    return recipes
