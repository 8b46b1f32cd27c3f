"""What a run does not prove where the configuration turns a proof off: every screen and every record says so."""

from __future__ import annotations

from station.model.runs import RunOptions
from station.problem import Sentence, sentence

VERIFY, BOOT = "verify", "confirm_boot"
"""The settings that turn a proof off, by their names in `[run]`."""

_NOTES = {
    VERIFY: sentence("nothing was read back: the configuration turns verify off"),
    BOOT: sentence("the application was not waited for: the configuration turns confirm_boot off"),
}


def unproven(options: RunOptions) -> tuple[str, ...]:
    """The proofs that are off."""
    found = ((VERIFY, not options.verify), (BOOT, options.confirm_boot == "off"))
    return tuple(name for name, is_off in found if is_off)


def proofs_off(options: RunOptions) -> str | None:
    """The same as a record has it."""
    return ",".join(unproven(options)) or None


def proof_notes(options: RunOptions) -> tuple[Sentence, ...]:
    """The same as notes of a record, for people."""
    return tuple(_NOTES[name] for name in unproven(options))
