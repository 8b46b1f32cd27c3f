"""Writing `[slots]` and `[controllers]` into a configuration file. All else in it, comments too, stays as it is."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from station.atomic_write import write_durably
from station.config_file import usual_files
from station.errors import SettingsError
from station.settings.setting_rules import slot_name

if TYPE_CHECKING:
    from tomlkit import TOMLDocument
    from tomlkit.items import Item, Key, Table

SLOTS = "slots"
CONTROLLERS = "controllers"
BYTE_ORDER_MARK = "\ufeff"


def slots_file(config: Path | None) -> Path:
    """The file that learned slots belong in: `config`, else the usual one that is read, else the first that may be.

    Without any file that is `config/station.toml` where there is a folder `config`, else the user's own.
    """
    if config is not None:
        return config
    files = usual_files()
    found = next((file for file in files if file.exists()), None)
    return found or (files[0] if files[0].parent.is_dir() else files[min(1, len(files) - 1)])


def name_problem(name: str, taken: Iterable[str]) -> str | None:
    """What is wrong with a slot's name beside those that are taken; None where nothing is."""
    try:
        slot_name(name)
    except ValueError as error:
        return str(error)
    alike = next((other for other in taken if other.casefold() == name.casefold()), None)
    return None if alike is None else f"there is a slot {alike} already"


def write_slots(file: Path, slots: Mapping[str, str], controllers: Mapping[str, str] | None = None) -> None:
    """Make `[slots]` of a file say this, name to port path, and `[controllers]`, bus to place, where that is given.

    The file is made where there is none.

    Written whole or not at all. SettingsError: `settings.unreadable`, `settings.not_written`, or `settings.invalid`
    where the table is written in a way that cannot be kept.
    """
    # A link stays a link: the file behind it is replaced.
    target = Path(os.path.realpath(file))
    old = text_of(target, file)
    mark = BYTE_ORDER_MARK if old.startswith(BYTE_ORDER_MARK) else ""
    text = with_slots(old.removeprefix(mark), slots, str(file), controllers)
    replace_text(target, mark + text, file)


def text_of(target: Path, file: Path) -> str:
    """What a configuration file says, "" where there is none; SettingsError `settings.unreadable` names `file`."""
    try:
        return target.read_bytes().decode() if target.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError("settings.unreadable", f"{file}: {getattr(error, 'strerror', None) or error}") from error


def replace_text(target: Path, text: str, file: Path) -> None:
    """Write it whole or not at all; SettingsError `settings.not_written` names `file`."""
    try:
        _replace(target, text)
    except OSError as error:
        raise SettingsError("settings.not_written", f"{file}: {error.strerror}") from error


def with_slots(text: str, slots: Mapping[str, str], file: str, controllers: Mapping[str, str] | None = None) -> str:
    """A configuration's text with these slots. SettingsError where nothing but the slots would not stay as it is."""
    # Half a second of imports on a slow machine, and only this needs it.
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    wanted: dict[str, Mapping[str, str]] = {SLOTS: slots}
    if controllers is not None:
        wanted[CONTROLLERS] = controllers
    before: dict[str, Any] = {}
    try:
        before = tomllib.loads(text)
        document = tomlkit.parse(text)
        for name, entries in wanted.items():
            _fill(_table(document, name), entries)
        after = tomlkit.dumps(document)
        changed = tomllib.loads(after)
    except (ValueError, TOMLKitError, TypeError, KeyError) as error:
        raise SettingsError("settings.invalid", f"{file}: {error}") from error
    if changed != {**before, **{name: dict(entries) for name, entries in wanted.items()}}:
        raise SettingsError("settings.invalid", f"{file}: [slots] is written in a way that cannot be kept")
    return after


def _table(document: TOMLDocument, name: str) -> Table:
    """The table of this name; an empty one in its place where it was written inline or is not there."""
    import tomlkit
    from tomlkit.items import Table

    if not isinstance(document.get(name), Table):
        document[name] = tomlkit.table()
    table = document[name]
    assert isinstance(table, Table)
    return table


def _fill(table: Table, slots: Mapping[str, str]) -> None:
    """Change what differs, in place; new names go behind the old ones, before what is said of the next table."""
    for name in [name for name in table if name not in slots]:
        table.remove(name)
    for name, port_path in slots.items():
        if name in table and table[name] != port_path:
            table[name] = port_path
    append_entries(table, {name: port_path for name, port_path in slots.items() if name not in table})


def append_entries(table: Table, entries: Mapping[str, Any]) -> None:
    """New names behind the old ones, before what is said of the next table."""
    body = table.value.body
    behind: list[tuple[Key | None, Item]] = []
    while body and body[-1][0] is None:
        behind.insert(0, body.pop())
    # Comments right below the heading are about the slots; those behind an empty line are about what follows.
    own = next((i for i, (_, item) in enumerate(behind) if not item.as_string().strip()), len(behind))
    body.extend(behind[:own])
    for name, value in entries.items():
        table.append(name, value)
    body.extend(behind[own:])


def _replace(target: Path, text: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    mode = target.stat().st_mode & 0o7777 if target.exists() else 0o644
    write_durably(target, text.encode(), mode)
