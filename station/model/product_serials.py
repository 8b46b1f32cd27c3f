"""The serial that a product carries on its label, and how one is bound to the chip inside."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from station.problem import Problem, sentence

LONGEST = 80
CheckDigit = Literal["none", "luhn", "gs1", "mod43"]
_CODE_39 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%"


@dataclass(frozen=True, slots=True)
class ProductSerialRule:
    """What the factory's product serials look like: a regular expression for the whole of one ("" for any text), and
    how its last character is computed."""

    pattern: str = ""
    check_digit: CheckDigit = "none"

    def problem_of(self, text: str) -> Problem | None:
        """What is wrong with a product serial; None where it may be one."""
        fits = 0 < len(text) <= LONGEST and text.isprintable() and text == text.strip()
        if not fits or (self.pattern and not re.fullmatch(self.pattern, text)):
            said = sentence("{text} has not the form of a product serial here", text=text[:LONGEST])
            return Problem("product.form", said)
        if not _CHECKS[self.check_digit](text):
            return Problem("product.check_digit", sentence("the check digit of {text} is wrong", text=text))
        return None


def luhn(text: str) -> bool:
    """Whether the digits of a text end in Luhn's check digit (ISO/IEC 7812-1); other characters are passed over."""
    digits = [int(letter) for letter in reversed(text) if letter in "0123456789"]
    doubled = [sum(divmod(2 * digit, 10)) if place % 2 else digit for place, digit in enumerate(digits)]
    return len(digits) > 1 and sum(doubled) % 10 == 0


def gs1(text: str) -> bool:
    """Whether the digits of a text end in GS1's check digit (weights 3 and 1 from the right; GTIN, SSCC)."""
    digits = [int(letter) for letter in reversed(text) if letter in "0123456789"]
    return len(digits) > 1 and sum(digit * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10 == 0


def mod43(text: str) -> bool:
    """Whether a text ends in Code 39's check character (ISO/IEC 16388)."""
    if len(text) < 2 or any(letter not in _CODE_39 for letter in text):
        return False
    return sum(map(_CODE_39.index, text[:-1])) % 43 == _CODE_39.index(text[-1])


ANY_SERIAL = ProductSerialRule()

_CHECKS = {"none": lambda text: True, "luhn": luhn, "gs1": gs1, "mod43": mod43}
