from __future__ import annotations

import copy
import json
import pickle

import pytest

from station.errors import UsbError
from station.problem import Problem, Sentence, as_json, joined, restored, sentence, sentence_from_json, stored_parts

INNER = sentence("block {block} of {partition}", block=3, partition="HP")
WHOLE = sentence("{place}: no answer to {request}", place=INNER, request="UPLOAD")


def test_a_sentence_is_its_english_text() -> None:
    assert WHOLE == "block 3 of HP: no answer to UPLOAD"
    assert json.dumps({"message": WHOLE}) == '{"message": "block 3 of HP: no answer to UPLOAD"}'


@pytest.mark.parametrize(
    "again",
    [
        lambda text: pickle.loads(pickle.dumps(text)),
        copy.deepcopy,
        lambda text: sentence_from_json(json.loads(json.dumps(as_json(text)))),
        lambda text: restored(str(text), *json.loads(json.dumps(stored_parts(text)))),
    ],
    ids=["a pipe", "a copy", "the socket", "the log"],
)
def test_form_and_values_outlive_every_way_that_a_sentence_goes(again: object) -> None:
    assert callable(again)
    kept = again(WHOLE)
    assert isinstance(kept, Sentence)
    assert (kept, kept.form, kept.values) == (WHOLE, WHOLE.form, WHOLE.values)
    inner = kept.values["place"]
    assert isinstance(inner, Sentence)
    assert inner.form == INNER.form


def test_an_error_stands_for_its_message() -> None:
    error = UsbError("usb.timeout", WHOLE)
    text = sentence("the size of {partition} could not be read: {error}", partition="HP", error=error)
    assert text == f"the size of HP could not be read: {WHOLE}"
    assert isinstance(text.values["error"], Sentence)
    assert error.problem == Problem("usb.timeout", WHOLE)
    assert (error.problem.form, error.problem.values) == (WHOLE.form, WHOLE.values)


def test_what_is_no_number_and_no_sentence_is_text() -> None:
    text = sentence("{a} {b} {c}", a=OSError(5, "broken"), b=True, c=1.5)
    assert text.values == {"a": "broken", "b": "True", "c": 1.5}


def test_several_are_joined_and_none_is_empty() -> None:
    assert joined([]) == ""
    assert joined([INNER]) is INNER
    assert joined([INNER, "a device's words", "and more"]) == "block 3 of HP; a device's words; and more"


@pytest.mark.parametrize("given", [None, 7, [], {"form": "x"}, {"text": 7}])
def test_what_is_no_sentence_is_refused(given: object) -> None:
    with pytest.raises(ValueError, match="a sentence is"):
        sentence_from_json(given)


@pytest.mark.parametrize(("form", "values"), [(None, None), ("", {}), ("x", None), (7, {}), ("x", [])])
def test_a_row_without_its_parts_is_its_text(form: object, values: object) -> None:
    kept = restored("as it was", form, values)
    assert kept == "as it was"
    assert stored_parts(kept) == (None, None)
