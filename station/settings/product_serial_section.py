"""`[product_serial]`: what the serials on the products' labels look like."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from station.settings.expressions import expression
from station.settings.setting_rules import Section


class ProductSerialSection(Section):
    """`[product_serial]`: a form and a check digit; whether a camera waits for it, and how long a scan does."""

    pattern: Annotated[str, AfterValidator(expression)] = Field(
        default="", max_length=200, description="a regular expression for the whole serial; empty: any text"
    )
    check_digit: Literal["none", "luhn", "gs1", "mod43"] = Field(
        default="none", description='"none", "luhn", "gs1" or "mod43"'
    )
    required: bool = Field(default=False, description="true or false")
    scan_waits_s: float = Field(default=45.0, ge=5, le=600, description="seconds from 5 to 600")
