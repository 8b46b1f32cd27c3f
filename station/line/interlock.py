"""The interlock: whether a unit that arrives is to be run at all. A pure decision over its history."""

from __future__ import annotations

from dataclasses import dataclass

from station.model.events import UnitHistory
from station.model.runs import Outcome, RunOptions
from station.problem import Problem, sentence


@dataclass(frozen=True, slots=True)
class Skip:
    """The unit is not to be touched."""

    problem: Problem
    notes: tuple[str, ...] = ()
    """What the run's record is to say of how the log was asked."""
    product_serial: str | None = None
    """The one that the unit is bound to, by the log."""
    central_wait_s: float | None = None
    """How long the database of all stations was waited for."""


@dataclass(frozen=True, slots=True)
class Check:
    """The log says that the unit passed: it is left as it is where its memory says so too."""


def interlock(history: UnitHistory, options: RunOptions, bundle_sha256: str, recipe: str) -> Skip | Check | None:
    """None where the unit is to be run.

    A unit is skipped as passed only when the newest run that may have changed it passed with this very bundle and
    recipe and with at least the proof that is asked for now: anything since then (another bundle, an aborted run, a
    failure) means that its memory is no longer known. So does a clock that was set back since.
    """
    if options.already_passed != "reflash" and _passed(history, options, bundle_sha256, recipe):
        if options.already_passed == "check":
            return Check()
        text = sentence("this unit already passed with this bundle and recipe")
        return Skip(Problem("unit.already_passed", text))
    if options.max_runs and history.failed_runs >= options.max_runs:
        text = sentence("this unit failed {count} times in this batch", count=history.failed_runs)
        return Skip(Problem("unit.set_aside", text))
    return None


def is_left(history: UnitHistory, options: RunOptions, bundle_sha256: str, recipe: str) -> bool:
    """Whether a unit that runs its application is not to be taken out of it by itself: it passed, or was set aside."""
    found = interlock(history, options, bundle_sha256, recipe)
    return found is not None or _passed(history, options, bundle_sha256, recipe)


def _passed(history: UnitHistory, options: RunOptions, bundle_sha256: str, recipe: str) -> bool:
    proof_wanted = options.verify, options.confirm_boot == "required"
    proof_found = history.touched_verified, history.touched_boot_confirmed
    return (
        history.touched_outcome == Outcome.PASS
        and history.touched_is_newest
        and history.touched_bundle_sha256 == bundle_sha256
        and history.touched_recipe == recipe
        and all(found or not wanted for wanted, found in zip(proof_wanted, proof_found, strict=True))
    )
