"""`[unit_values.KEY]`: what the factory notes of each unit besides its serials."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from station.model.unit_values import UnitKey
from station.settings.setting_rules import Section, Text, expression


class UnitValueSection(Section):
    """`[unit_values.KEY]`: one key."""

    pattern: Annotated[str, AfterValidator(expression)] = Field(
        default="", max_length=200, description="a regular expression for the whole value; empty: any text"
    )
    prefix: Text = Field(default="", max_length=20, description="how a scanned label of it begins, or empty")
    required: bool = Field(default=False, description="true or false")

    def key(self, name: str) -> UnitKey:
        """The key of this name."""
        return UnitKey(name, self.pattern, self.prefix, self.required)
