"""The engineer's reference, made from the program: `python -m tests.reference` writes deploy/SETTINGS.md and CODES.md.

What a setting means, and its default, is said in config/station.toml (a test compares it with the schema); what is
allowed, by the schema; what to do for a code, by station/errors.py. A test fails while a file is not what this would
write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from station.errors import HINTS
from station.settings.schema import ENTRIES, Settings, section_fields

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
CONFIG = ROOT / "config/station.toml"
ABOUT = {
    "usb": "The link to one camera, or this machine's access to USB",
    "dfu": "What the bootloader answered",
    "verify": "The proof: what was read back",
    "boot": "The restart into the application",
    "identity": "A device that must not be written",
    "test": "What the running application answered, or that it did not",
    "mram": "The MRAM initialization",
    "unit": "A unit that was left alone",
    "operator": "A run that a person ended",
    "worker": "The station's own processes",
    "station": "The station's own failures",
    "line": "The line as a whole",
    "ledger": "The log",
    "bundle": "A firmware release",
    "settings": "The configuration",
    "usage": "A command line",
    "request": "What a screen asked of the line",
    "role": "Who may do what: the engineer's PIN",
    "product": "The serials of the finished products",
    "mes": "The factory's system that is asked before a camera is run",
    "central": "The one database of many stations",
    "label": "The labels of cameras that passed",
    "light": "The stack light",
    "metrics": "The figures for a monitoring system",
    "outbox": "What is still to be delivered to the factory's systems",
}
"""What the codes of a kind are about, by the first word of a code."""
_KEY = re.compile(r"(?:# )?([A-Za-z0-9_-]+) = (.*)")

Said = dict[tuple[str, str], tuple[str, str]]
"""What the configuration says, by section and key: the meaning and the default; a section's own under the key ""."""


def settings_page() -> str:
    """Every setting: its default, what is allowed, what it means."""
    return "".join(f"{line}\n" for line in _settings_lines())


def codes_page() -> str:
    """Every code, by its kind, with what to do."""
    return "".join(f"{line}\n" for line in _codes_lines())


def _settings_lines() -> Iterator[str]:
    yield from (
        "# Settings",
        "",
        "Made from the program by `python -m tests.reference`. What is left out of the file keeps its default; a",
        "variable `STATION_<SECTION>__<KEY>` beats the file, and an option on the command line beats both.",
    )
    said = _said()
    for section, field in Settings.model_fields.items():
        yield from ("", f"## [{section}]", "")
        if about := said[section, ""][0]:
            yield from (about, "")
        fields = section_fields(section)
        if not fields:
            yield f"{_sentence(str(field.description))} A value is {_cell(ENTRIES[section])}."
            continue
        yield from ("| key | default | allowed | meaning |", "|---|---|---|---|")
        for key, known in fields.items():
            meaning, default = said[section, key]
            yield f"| `{key}` | `{_cell(default)}` | {_cell(str(known.description))} | {_cell(meaning)} |"


def _said() -> Said:
    found: Said = {}
    section, comment, last = "", list[str](), ""
    for line in CONFIG.read_text().splitlines():
        key = _KEY.fullmatch(line)
        if heading := re.fullmatch(r"\[(\w+)\]", line):
            section, last = heading.group(1), ""
            found[section, ""] = (" ".join(comment), "")
        elif key:
            # Keys that stand together share what is said above the first.
            last = " ".join(comment) or last
            found[section, key.group(1)] = (last, key.group(2))
        elif line.startswith("#"):
            comment.append(line.removeprefix("#").strip())
            continue
        comment = []
    return found


def _codes_lines() -> Iterator[str]:
    yield from (
        "# Codes",
        "",
        "Made from the program by `python -m tests.reference`. Codes are stored, counted and searched, and never",
        "change their meaning. The message beside a code says what happened; here is what to do now.",
    )
    for kind in dict.fromkeys(code.partition(".")[0] for code in HINTS):
        yield from ("", f"## `{kind}.*`", "")
        if kind in ABOUT:
            yield from (f"{ABOUT[kind]}.", "")
        yield from ("| code | what to do |", "|---|---|")
        for code, hint in HINTS.items():
            if code.partition(".")[0] == kind:
                yield f"| `{code}` | {_cell(hint)} |"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


PAGES = {DEPLOY / "SETTINGS.md": settings_page, DEPLOY / "CODES.md": codes_page}


def main() -> None:
    """Write both."""
    for file, made in PAGES.items():
        file.write_text(made())
        print(file.relative_to(ROOT))


if __name__ == "__main__":
    main()
