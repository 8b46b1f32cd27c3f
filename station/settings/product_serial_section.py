"""`[product_serial]`: what the serials on the products' labels look like."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from station.settings.setting_rules import Section, one_line


def _expression(value: str) -> str:
    try:
        re.compile(one_line(value))
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    return value


class ProductSerialSection(Section):
    """`[product_serial]`: a form and a check digit."""

    pattern: Annotated[str, AfterValidator(_expression)] = Field(
        default="", max_length=200, description="a regular expression for the whole serial; empty: any text"
    )
    check_digit: Literal["none", "luhn", "gs1", "mod43"] = Field(
        default="none", description='"none", "luhn", "gs1" or "mod43"'
    )
