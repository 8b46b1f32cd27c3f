"""The form and the check digit of product serials, with published examples."""

from __future__ import annotations

import pytest

from station.model.product_serials import CheckDigit, ProductSerialRule


@pytest.mark.parametrize(
    ("kind", "good", "wrong"),
    [
        ("luhn", "79927398713", "79927398710"),  # ISO/IEC 7812-1's own in many texts
        ("luhn", "P-7992-7398-713", "P-7992-7398-731"),
        ("gs1", "4006381333931", "4006381333932"),  # a GTIN-13
        ("gs1", "10614141000415", "10614141000451"),  # a GTIN-14
        ("mod43", "CODE39W", "CODE93W1"),
        ("none", "anything", None),
    ],
)
def test_check_digits(kind: CheckDigit, good: str, wrong: str | None) -> None:
    rule = ProductSerialRule(check_digit=kind)
    assert rule.problem_of(good) is None
    if wrong is not None:
        problem = rule.problem_of(wrong)
        assert problem is not None
        assert problem.code == "product.check_digit"


@pytest.mark.parametrize(
    "text", ["", " P-123456", "P-12345", "P-1234567", "p-123456", "P-12345\n", "P-123456\x1b", "P" * 81]
)
def test_the_form_is_of_the_whole_text(text: str) -> None:
    problem = ProductSerialRule(r"P-[0-9]{6}").problem_of(text)
    assert problem is not None
    assert problem.code == "product.form"


def test_a_good_one() -> None:
    assert ProductSerialRule(r"P-[0-9]{6}").problem_of("P-123456") is None
    assert ProductSerialRule().problem_of("ünï 7") is None
