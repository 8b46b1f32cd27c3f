"""What is said where a bundle is bound to batches, and the one at the bench is none of them."""

from __future__ import annotations

from station.line.setup import LineSetup
from station.model.bundles import Binding
from station.problem import Problem, Sentence, sentence

CODE = "bundle.not_for_this_batch"


def batch_refusal(setup: LineSetup, batch: str | None) -> Problem | None:
    """Why no camera of a batch (None: of none) may get the line's bundle; None where it may."""
    if setup.outside_batches or setup.binding.allows_batch(batch):
        return None
    return Problem(CODE, other_batch(setup.bundle, setup.binding, batch))


def other_batch(bundle: str, binding: Binding, batch: str | None) -> Sentence:
    """The bundle is for other batches than this one; None: the runs would be of none."""
    allowed = ", ".join(binding.batches)
    if batch is None:
        return sentence(
            "bundle {bundle} is for batches named {allowed}, and no batch is begun", bundle=bundle, allowed=allowed
        )
    return sentence(
        "bundle {bundle} is for batches named {allowed}, and this is batch {batch}",
        bundle=bundle,
        allowed=allowed,
        batch=batch,
    )
