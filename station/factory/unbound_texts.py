"""What a label needs of its camera and nobody has said yet: its product serial, or a value by key.

A label that would print it waits until it is bound: printed without it, it would have to be printed twice. In a
template it is false, and none; printed, or made into anything that can be, it raises. Where the configuration expects
every product to have a serial, a template that only looks at it waits too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from station.factory.delivery_error import DeliveryError
from station.model.sinks import UNBOUND
from station.problem import Sentence, sentence


class Unbound:
    """Stands for such a text."""

    def __init__(self, waits: Sentence, *, expected: bool = False) -> None:
        self._waits = waits
        self._expected = expected

    def raise_error(self, *_given: Any) -> NoReturn:
        """DeliveryError `label.unbound`."""
        raise DeliveryError(UNBOUND, self._waits)

    __str__ = __iter__ = __len__ = __getitem__ = __contains__ = __hash__ = raise_error
    __add__ = __radd__ = __mod__ = __rmod__ = __mul__ = __lt__ = __le__ = __gt__ = __ge__ = raise_error

    def __bool__(self) -> bool:
        if self._expected:
            self.raise_error()
        return False

    def __eq__(self, other: object) -> bool:
        return bool(self) or other is None


class KnownValues(dict[str, Any]):
    """A unit's values by key, in a label."""

    def __missing__(self, key: str) -> Unbound:
        return Unbound(sentence("it waits for {key} of its camera", key=str(key)[:80]))


class SampleValues(dict[str, Any]):
    """Those of a record that is made up: it has every key."""

    def __init__(self, value: str) -> None:
        super().__init__(lens=value)
        self._value = value

    def __missing__(self, _key: str) -> str:
        return self._value


def bound_texts(record: Mapping[str, Any], *, expects_product_serial: bool) -> dict[str, Any]:
    """A record as a template sees it, where a label without its camera's product serial is not to be made."""
    known = with_values(record)
    if known.get("product_serial") is None:
        known["product_serial"] = Unbound(
            sentence("it waits for the product serial of its camera"), expected=expects_product_serial
        )
    return known


def with_values(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record as a template sees it."""
    values = record.get("unit_values")
    return {**record, "unit_values": values if isinstance(values, SampleValues) else KnownValues(values or {})}
