"""`[product_serial]`: what the serials on the products' labels look like."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from station.settings.outbox_section import one_line


def _expression(value: str) -> str:
    try:
        re.compile(one_line(value))
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    return value


class ProductSerialSection(BaseModel):
    """`[product_serial]`: a form and a check digit."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    pattern: Annotated[str, AfterValidator(_expression)] = Field(
        default="", max_length=200, description="a regular expression for the whole serial; empty: any text"
    )
    check_digit: Literal["none", "luhn", "gs1", "mod43"] = Field(
        default="none", description='"none", "luhn", "gs1" or "mod43"'
    )
