"""What tells a unit from others in the factory: the serial on its label, and what else is noted of it by key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from station.model.product_serials import ANY_SERIAL, ProductSerialRule
from station.model.unit_values import UnitKey, UnitValues, problem_of_values
from station.problem import Problem


@dataclass(frozen=True, slots=True)
class UnitMarks:
    """What the configuration says of them. `product_required`: no camera is written to that has no product serial."""

    rule: ProductSerialRule = ANY_SERIAL
    keys: tuple[UnitKey, ...] = ()
    product_required: bool = False
    scan_waits_s: float = 45.0
    """How long a scan waits for its camera."""

    @property
    def scans_products(self) -> bool:
        """Whether a scanned text may be a product serial: it has a form, or every unit needs one."""
        return bool(self.rule.pattern) or self.rule.check_digit != "none" or self.product_required

    @property
    def any_required(self) -> bool:
        """Whether a camera may have to wait for them."""
        return self.product_required or any(key.required for key in self.keys)

    def missing(self, product_serial: str | None, values: UnitValues) -> tuple[str, ...]:
        """What a unit that has these still needs: "" for the product serial, and keys."""
        have = values.to_json()
        product = ("",) if self.product_required and product_serial is None else ()
        return product + tuple(key.name for key in self.keys if key.required and key.name not in have)

    def problem_of(self, product_serial: str | None, values: Mapping[str, str]) -> Problem | None:
        """What is wrong with what somebody says of a unit; None where nothing is."""
        if product_serial is not None and (problem := self.rule.problem_of(product_serial)):
            return problem
        return problem_of_values(values, self.keys)

    def to_json(self) -> dict[str, Any]:
        """The value as JSON."""
        return {
            "pattern": self.rule.pattern,
            "check_digit": self.rule.check_digit,
            "required": self.product_required,
            "scan_waits_s": self.scan_waits_s,
            "keys": [[key.name, key.pattern, key.prefix, key.required] for key in self.keys],
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> UnitMarks:
        """The value from its JSON form."""
        keys = tuple(UnitKey(*key) for key in given["keys"])
        rule = ProductSerialRule(given["pattern"], given["check_digit"])
        return cls(rule, keys, bool(given["required"]), float(given["scan_waits_s"]))
