"""What only an engineer may do once an engineer's PIN is set, and what else is a row of the audit."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Act(StrEnum):
    """The name of an act, as the audit has it. Names never change their meaning."""

    BATCH_ENDED_SHORT = "batch.ended_short"
    """Ended, left for another or given a smaller plan before every planned unit had its result."""
    SLOT_RESTORED = "slot.restored"
    UNIT_RELEASED = "unit.released"
    UNIT_SCRAPPED = "unit.scrapped"
    DELIVERY_DROPPED = "outbox.dropped"
    """Results that one of the factory's systems will never be given."""
    LABEL_REPRINTED = "label.reprinted"
    """A camera's label was printed by hand. Needs no engineer."""
    BUNDLE_USED = "bundle.used"
    KEY_TRUSTED = "key.trusted"
    """Its signatures of bundles are accepted from then on."""
    KEY_REMOVED = "key.removed"
    CONFIGURED = "line.configured"
    """A line started with another configuration than the last one: what a run means, or anything else."""
    ENGINEERING = "line.engineering"
    """A line started whose runs count in no yield."""
    LOG_RESTORED = "log.restored"
    PIN_SET = "pin.set"
    PIN_REMOVED = "pin.removed"
    PIN_REFUSED = "pin.refused"
    """A series of wrong PINs: its first, third, sixth, twelfth and so on."""
    WEB_LOGIN = "web.login"
    """Somebody gave a PIN in a browser; the role is the PIN's, and no name is known."""


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who acts. `role` is "engineer" where a PIN proved it, "operator" where not, "anybody" where no PIN is
    set, and nobody was asked; in a browser it is the role whose PIN was given."""

    name: str
    role: str


ENGINEER, OPERATOR, ANYBODY = "engineer", "operator", "anybody"


@dataclass(frozen=True, slots=True)
class Done:
    """An act, as it goes into the audit. `subject` is what it was done to: a slot, a batch, a serial, a bundle."""

    act: Act
    who: Who
    subject: str = ""
    details: dict[str, Any] = field(default_factory=dict)
