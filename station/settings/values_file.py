"""Writing single settings into a configuration file, as a qualified bench teaches them. All else stays as it is."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from station.errors import SettingsError
from station.settings.schema import Settings, section_fields
from station.settings.slots_file import BYTE_ORDER_MARK, append_entries, replace_text, text_of

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

Value = float | int | list[int] | list[str]


def write_values(file: Path, values: Mapping[str, Value]) -> None:
    """Set these keys, dotted as in `run.boot_timeout_s`, in a file, which is made where there is none.

    Written whole or not at all. SettingsError: `settings.unreadable`, `settings.not_written`, or `settings.invalid`
    where anything but these keys would change, or a value is not allowed.
    """
    target = Path(os.path.realpath(file))
    old = text_of(target, file)
    mark = BYTE_ORDER_MARK if old.startswith(BYTE_ORDER_MARK) else ""
    replace_text(target, mark + with_values(old.removeprefix(mark), values, str(file)), file)


def with_values(text: str, values: Mapping[str, Value], file: str) -> str:
    """A configuration's text with these settings. SettingsError where anything else would not stay as it is."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        wanted = tomllib.loads(text)
        document = tomlkit.parse(text)
        for key, value in values.items():
            section, name = key.split(".")
            if name not in section_fields(section):
                raise ValueError(f"there is no setting {key}")
            wanted.setdefault(section, {})[name] = value
            _set(document, section, name, value)
        after = tomlkit.dumps(document)
        changed = tomllib.loads(after)
        Settings(**changed)
    except (ValueError, TOMLKitError, TypeError, KeyError, AttributeError) as error:
        raise SettingsError("settings.invalid", f"{file}: {' '.join(str(error).split())}") from error
    if changed != wanted:
        raise SettingsError("settings.invalid", f"{file}: it is written in a way that cannot be kept")
    return after


def _set(document: TOMLDocument, section: str, name: str, value: Value) -> None:
    import tomlkit
    from tomlkit.items import Table

    if section not in document:
        document[section] = tomlkit.table()
    table = document[section]
    if not isinstance(table, MutableMapping):
        raise ValueError(f"{section} is no table")
    if table.get(name) == value:
        return
    item = _item(value)
    if name in table:
        # What is said behind the value stays behind it.
        item.trivia.indent, item.trivia.comment_ws = table[name].trivia.indent, table[name].trivia.comment_ws
        item.trivia.comment, item.trivia.trail = table[name].trivia.comment, table[name].trivia.trail
    if name not in table and isinstance(table, Table):
        append_entries(table, {name: item})
    else:
        table[name] = item


def _item(value: Value) -> Any:
    """As a person would write it: ids are hexadecimal."""
    import tomlkit

    if isinstance(value, list) and value and all(isinstance(each, int) for each in value):
        return tomlkit.value("[" + ", ".join(f"0x{each:04X}" for each in value) + "]")
    return tomlkit.item(value)
