"""`[unit_values.KEY]`: what the factory notes of each unit besides its serials."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from station.model.unit_values import UnitKey
from station.settings.expressions import expression
from station.settings.invalid_setting import shown
from station.settings.setting_rules import Section, Text


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


def distinct_prefixes(keys: dict[str, UnitValueSection]) -> dict[str, UnitValueSection]:
    """The keys, where a scanned label can be of one only. ValueError."""
    begun: dict[str, str] = {}
    for name, section in keys.items():
        for prefix, other in begun.items():
            if section.prefix and (section.prefix.startswith(prefix) or prefix.startswith(section.prefix)):
                raise ValueError(f"the labels of {shown(other)} and {shown(name)} begin alike: {section.prefix}")
        if section.prefix:
            begun[section.prefix] = name
    return keys
