"""The dashboard's catalogues: `python -m tests.catalogues` collects the texts, updates the .po files and compiles them.

New texts come into every .po without a translation, texts that are no more leave it; the tests fail until the new ones
are translated by hand and this was run once more. The .mo files are what the program reads; they are kept beside the
.po files, so that neither a checkout nor a wheel needs this tool.
"""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from station.dashboard.language import CATALOGUES, DOMAIN, LANGUAGES
from station.errors import HINTS

ROOT = Path(__file__).parent.parent
TRANSLATED = tuple(language for language in LANGUAGES if language != "en")
CALLS = {"tr": (0,), "mark": (0,), "tr_count": (0, 1), "Binding": (2,), "sentence": (0,)}
"""What the texts are handed to, and in which places; a key's description is the third word of its Binding."""
SPEAKING = (
    "dashboard",
    "app",
    "control",
    "dfu",
    "factory",
    "flash",
    "ledger",
    "line",
    "model",
    "roles",
    "usb",
    "wiring",
)
"""The packages whose texts reach a screen: its own, and those that make sentences of problems."""
NO_WORDS = re.compile(r"(\{\w+\}|\W)*")
"""Forms that only join their values are the same in every language."""
PROJECT = "openmv-ae3-station"
WIDTH = 120
Entry = tuple[str | tuple[str, ...], str]


def texts() -> Iterator[Entry]:
    """Every text that the dashboard may show, with the file that it stands in."""
    for file in sorted(file for package in SPEAKING for file in (ROOT / "station" / package).rglob("*.py")):
        for text in texts_of(file.read_text()):
            if not (isinstance(text, str) and NO_WORDS.fullmatch(text)):
                yield text, str(file.relative_to(ROOT))
    for hint in HINTS.values():
        yield hint, "station/errors.py"


def texts_of(source: str) -> Iterator[str | tuple[str, ...]]:
    """The texts in one file, in their order. (Babel itself does not look into f-strings before Python 3.12.)"""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    for call in sorted(calls, key=lambda call: (call.lineno, call.col_offset)):
        places = CALLS.get(call.func.id, ()) if isinstance(call.func, ast.Name) else ()
        words = [call.args[place] for place in places if place < len(call.args)]
        found = tuple(word.value for word in words if isinstance(word, ast.Constant) and isinstance(word.value, str))
        if found and all(found) and len(found) == len(places):
            yield found if len(found) > 1 else found[0]


def template() -> Catalog:
    """The texts without translations."""
    catalogue = Catalog(project=PROJECT)
    for text, file in texts():
        catalogue.add(text, locations=[(file, 0)])
    return catalogue


def po_file(language: str) -> Path:
    """The catalogue that people edit."""
    return CATALOGUES / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def mo_file(language: str) -> Path:
    """The catalogue that the program reads."""
    return po_file(language).with_suffix(".mo")


def catalogue(language: str) -> Catalog:
    """The translations as they are now; empty where there are none yet."""
    file = po_file(language)
    if not file.exists():
        comment = f"# The dashboard in {LANGUAGES[language]}; `python -m tests.catalogues` keeps this file up to date."
        return Catalog(language, header_comment=comment, project=PROJECT, version="1", fuzzy=False)
    with file.open("rb") as opened:
        return read_po(opened, locale=language, domain=DOMAIN)


def compiled(catalogue: Catalog) -> bytes:
    """The bytes of the .mo file."""
    raw = io.BytesIO()
    write_mo(raw, catalogue)
    return raw.getvalue()


def main() -> None:
    """Update and compile every catalogue; say what is still to be translated."""
    wanted = template()
    for language in TRANSLATED:
        known = catalogue(language)
        known.update(wanted, no_fuzzy_matching=True, update_creation_date=False)
        known.fuzzy, known.revision_date = False, known.creation_date  # what did not change looks the same
        po_file(language).parent.mkdir(parents=True, exist_ok=True)
        with po_file(language).open("wb") as opened:
            write_po(opened, known, width=WIDTH, sort_by_file=True, ignore_obsolete=True, include_lineno=False)
        mo_file(language).write_bytes(compiled(catalogue(language)))
        missing = [message.id for message in known if message.id and not all(forms(message.string))]
        print(f"{language}: {len(known)} texts, {len(missing)} without a translation")


def forms(text: str | list[str] | tuple[str, ...] | None) -> tuple[str, ...]:
    """The one form of a text, or its plural forms; an empty one where there is none yet."""
    return (text or "",) if text is None or isinstance(text, str) else tuple(text)


if __name__ == "__main__":
    main()
