"""The slots verified at the start of a shift: a line that writes nothing.

A reference camera is run twice in each slot: once with one byte of its smallest image expected otherwise, which must
be refused, and once as it is. Hold, read back, boot and test are those of every run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from station.errors import UsageError
from station.line.setup import LineSetup
from station.model.bundles import Bundle
from station.model.recipes import Recipe, StepKind
from station.model.runs import ImagePlan, Purpose, RunRecord
from station.qualification import verification
from station.wiring.qualifying import qualifying_setup

if TYPE_CHECKING:
    from station.bundle.store import BundleStore
    from station.settings import Settings


class Expectations:
    """What the next run in a port's slot expects: the wrong images first, the right ones once these were refused."""

    def __init__(self, images: tuple[ImagePlan, ...], folder: Path) -> None:
        """The wrong image is written into `folder`, which must outlive the line."""
        self._right = images
        smallest = min(images, key=lambda image: image.size_bytes)
        self._wrong = tuple(_wrong(image, folder) if image is smallest else image for image in images)
        self._refused: set[str] = set()

    def __call__(self, port_path: str) -> tuple[ImagePlan, ...]:
        """For the line's thread."""
        return self._right if port_path in self._refused else self._wrong

    def heard(self, run: RunRecord) -> None:
        """A run is over."""
        if run.code == verification.REFUSED:
            self._refused.add(run.port_path)


def _wrong(image: ImagePlan, folder: Path) -> ImagePlan:
    content = bytearray(Path(image.path).read_bytes())
    content[len(content) // 2] ^= 0xFF
    path = folder / f"wrong-{image.partition}"
    path.write_bytes(content)
    return replace(image, path=str(path), sha256=hashlib.sha256(content).hexdigest())


def verifying_setup(
    settings: Settings, store: BundleStore, bundle: Bundle, folder: Path, slots: Collection[str] | None
) -> tuple[LineSetup, Expectations]:
    """A line that writes nothing and makes the tests as they are configured, and what it expects."""
    setup = qualifying_setup(settings, store, bundle, slots)
    recipe = settings.recipe(settings.run.recipe)
    reading = tuple(step for step in recipe.steps if step.kind in (StepKind.WRITE, StepKind.TEST))
    if not setup.images:
        raise UsageError("usage.unknown_recipe", f"recipe {recipe.name} has no image that could be read back")
    expected = Expectations(setup.images, folder)
    made = replace(
        setup,
        recipe=Recipe(verification.RECIPE, reading),
        tests=settings.functional_tests,
        options=replace(setup.options, max_attempts=1),
        purpose=Purpose.VERIFICATION,
        read_only=True,
        expectation=expected,
    )
    return made, expected
