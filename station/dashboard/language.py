"""The words on the screen in the operator's language. English is in the code; the others are in `locale`.

`tr` and `tr_count` translate where a text is shown. A text that stands in a table is wrapped in `mark`, so that the
tool that collects the texts finds it, and goes through `tr` when it is shown.
"""

from __future__ import annotations

import gettext
from pathlib import Path

from station.problem import Sentence

LANGUAGES = {"en": "English", "zh_CN": "中文", "es": "Español"}
"""Code and own name of each language there is, in the order in which the key changes them."""
DOMAIN = "dashboard"
CATALOGUES = Path(__file__).parent / "locale"


class _Words:
    """The chosen language; one for the process, since one person looks at it."""

    def __init__(self) -> None:
        self.language = "en"
        self.catalog = gettext.NullTranslations()


_words = _Words()


def choose(language: str) -> None:
    """Take this language from now on. KeyError where there is none of that code."""
    LANGUAGES[language]
    english = language == "en"
    _words.catalog = gettext.NullTranslations() if english else gettext.translation(DOMAIN, CATALOGUES, [language])
    _words.language = language


def chosen() -> str:
    """The code of the language that is on."""
    return _words.language


def following() -> str:
    """The code of the language after the one that is on; after the last comes the first."""
    codes = list(LANGUAGES)
    return codes[(codes.index(_words.language) + 1) % len(codes)]


def tr(text: str) -> str:
    """The text in the chosen language; itself where that has none. The empty text stays empty."""
    return _words.catalog.gettext(text) if text else ""


def tr_count(one: str, many: str, count: int) -> str:
    """The text for this count in the chosen language, `{count}` filled in."""
    return _words.catalog.ngettext(one, many, count).format(count=count)


def translated(text: str) -> str:
    """A sentence of the line or the log in the chosen language; a plain text as it is."""
    if not isinstance(text, Sentence) or not text.form or chosen() == "en":
        return str(text)
    values = {name: translated(value) if isinstance(value, str) else value for name, value in text.values.items()}
    try:
        return tr(text.form).format(**values)
    except (KeyError, IndexError, ValueError):  # a form of another version: the English stands
        return str(text)


def mark(text: str) -> str:
    """The text itself: it stands in a table and is translated when it is shown."""
    return text
