"""`[ask]`: the factory's system that is asked before a camera is written to."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from station.settings.outbox_section import absolute_file, address
from station.settings.setting_rules import Section, Text


class AskSection(Section):
    """`[ask]`: whom, how long, and what follows from silence. Durations are seconds."""

    kind: Literal["off", "http", "tcp", "hook"] = Field(default="off", description='"off", "http", "tcp" or "hook"')
    to: Text = Field(
        default="", max_length=500, validate_default=True, description="a URL or a command, as its kind wants it"
    )
    timeout_s: float = Field(default=5.0, gt=0, le=300, description="seconds, more than 0 and at most 300")
    silent: Literal["hold", "allow"] = Field(default="hold", description='"hold" or "allow"')
    again_s: float = Field(default=5.0, ge=0.05, le=3600, description="seconds from 0.05 to 3600")
    secret_file: Annotated[str, AfterValidator(absolute_file)] = Field(default="", description="a file, or empty")

    @field_validator("to")
    @classmethod
    def _as_its_kind_wants_it(cls, value: str, others: ValidationInfo) -> str:
        kind = others.data.get("kind", "off")
        return value if kind == "off" else address(kind, value)
