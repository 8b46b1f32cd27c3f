"""What went wrong, as data: a code, the form of an English sentence, and the values in it.

1. A failure, a note or a refusal is made where it happens, with `sentence("no application within {seconds} s",
   seconds=90)`. The form is a literal: the tool that collects the texts to translate finds it by this call.
2. A `Sentence` is a `str`, the English sentence: it is logged, printed, compared and stored as one. It keeps form and
   values on its way through pipes, the line's socket and the log. Put into an f-string it loses them: give it to
   another `sentence` as a value.
3. A `Problem` is a sentence with its stable code. Every StationError has one (`error.problem`).
4. What a screen shows of a failure is typed so (`CameraError`, `Problem`, `ended_by` take a `Sentence`): a plain text
   there is a mistake that mypy finds. `Sentence(text)` says on purpose that a text has no form: our own mistakes.
5. Only a screen translates (`station.dashboard.language.translated`). No program reads sentences.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from station.file_problems import reason

Value: TypeAlias = "str | int | float"


class Sentence(str):
    """An English sentence, its form (names in braces) and the values of those names, which may be sentences too.

    `form` is "" for a text that is nothing but itself: a row of an older log, a device's own words.
    """

    __slots__ = ("form", "values")
    form: str
    values: Mapping[str, Value]

    def __new__(cls, text: str, form: str = "", values: Mapping[str, Value] | None = None) -> Sentence:
        """The sentence as it stands; `sentence` makes one from its form."""
        made = super().__new__(cls, text)
        made.form = form
        made.values = dict(values or {})
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return Sentence, (str(self), self.form, self.values)

    def __deepcopy__(self, _memo: object) -> Sentence:
        return self

    def to_json(self) -> dict[str, Any]:
        """`{"text", "form", "values"}`; `sentence_from_json` is the way back."""
        return {"text": str(self), "form": self.form, "values": self.values_json}

    @property
    def values_json(self) -> dict[str, Any]:
        """The values as JSON; a sentence among them with its own form and values."""
        return {name: as_json(value) if isinstance(value, str) else value for name, value in self.values.items()}


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong: a stable code, and the sentence that says it."""

    code: str
    message: Sentence

    @property
    def form(self) -> str:
        """The form of its sentence; "" where it is a plain text."""
        return self.message.form

    @property
    def values(self) -> Mapping[str, Value]:
        """The values in its sentence."""
        return self.message.values


def mistake_of_ours(error: Exception) -> Problem:
    """An exception that nobody foresaw, as a problem: only its words are known."""
    return Problem("station.internal", Sentence(f"{type(error).__name__}: {error}"))


def sentence(form: str, /, **values: object) -> Sentence:
    """The sentence of this form.

    A value with a `message` (an error) stands for that message, an OSError for its reason without its number; anything
    else that is no number, for its text.
    """
    kept = {name: _kept(value) for name, value in values.items()}
    return Sentence(form.format(**kept), form, kept)


def as_sentence(text: str) -> Sentence:
    """A text as a sentence: itself where it is one, else one that no screen translates."""
    return text if isinstance(text, Sentence) else Sentence(text)


def joined(sentences: Iterable[str]) -> Sentence:
    """Several sentences as one, with semicolons between them; "" for none."""
    whole = Sentence("")
    for one in sentences:
        whole = sentence("{first}; {second}", first=whole, second=one) if whole else as_sentence(one)
    return whole


def as_json(text: str) -> Any:
    """A text as JSON: a sentence that has a form with its parts, anything else as it is."""
    return text.to_json() if isinstance(text, Sentence) and text.form else str(text)


def stored_parts(text: str) -> tuple[str | None, dict[str, Any] | None]:
    """Form and values as they are stored and exported beside the text; None for a text that has neither."""
    return (text.form, text.values_json) if isinstance(text, Sentence) and text.form else (None, None)


def sentence_from_json(given: object) -> Sentence:
    """The way back from `as_json`. ValueError for what is neither a text nor a sentence."""
    if isinstance(given, str):
        return Sentence(given)
    if not isinstance(given, dict) or not isinstance(given.get("text"), str):
        raise ValueError("a sentence is a text, or an object with text, form and values")
    return restored(given["text"], given.get("form"), given.get("values"))


def restored(text: str, form: object, values: object) -> Sentence:
    """A sentence from its stored parts. Where a part is missing or makes no sense, the text stays alone."""
    if not isinstance(form, str) or not form or not isinstance(values, dict):
        return Sentence(text)
    return Sentence(text, form, {str(name): _restored_value(value) for name, value in values.items()})


def _restored_value(value: object) -> Value:
    if isinstance(value, dict) and isinstance(value.get("text"), str):
        return sentence_from_json(value)
    return value if isinstance(value, (str, int, float)) else str(value)


def _kept(value: object) -> Value:
    message = getattr(value, "message", None)
    if isinstance(message, str):
        return message
    if isinstance(value, Sentence) or (isinstance(value, (int, float)) and type(value) in (int, float)):
        return value
    return reason(value) if isinstance(value, OSError) else str(value)
