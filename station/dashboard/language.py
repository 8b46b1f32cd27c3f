"""The words on the screen in the operator's language. English is in the code; the others are in `locale`."""

from __future__ import annotations

import gettext

LANGUAGES = {"en": "English"}
"""Code and own name of each language there is."""


class _Words:
    """The chosen language; one for the process, since one person looks at it."""

    def __init__(self) -> None:
        self.language = "en"
        self.catalog = gettext.NullTranslations()


_words = _Words()


def tr(text: str) -> str:
    """The text in the chosen language; itself where that has none. The empty text stays empty."""
    return _words.catalog.gettext(text) if text else ""
