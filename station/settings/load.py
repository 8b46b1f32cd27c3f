"""From the file, the environment and the command line to one `Settings`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from station.config_file import find_document
from station.settings.environment import read_environment, variable
from station.settings.invalid_setting import invalid, shown, suggestion
from station.settings.schema import ENTRIES, SECRETS, Settings, entry_fields, section_fields

_Origin = Callable[[tuple[str, ...]], str]
_NOTHING: Mapping[str, object] = {}


def load_settings(
    config: Path | None = None, *, data_dir: Path | None = None, overrides: Mapping[str, object] = _NOTHING
) -> Settings:
    """Read the configuration.

    `config` must exist when given; else the first that exists of ./config/station.toml, the user's and the machine's
    file is read, if any. `overrides` are the command line's words, dotted (`{"run.batch": "A7"}`) or nested; None means
    not given. Raises SettingsError: `settings.unreadable` for the file, `settings.invalid` for what it says.
    """
    file, document = find_document(config)
    layers: list[tuple[_Origin, dict[str, Any]]] = [
        (lambda _location: str(file), document),
        (variable, _from_here(read_environment())),
        (lambda _location: "command line", _from_here(_nested({**overrides, "station.data_dir": data_dir}))),
    ]
    tables: dict[str, Any] = {}
    settings = Settings()
    # One by one: what breaks is then the layer's own fault, and no layer hides a slip in the one below it.
    for origin, layer in layers:
        tables = _merged(tables, layer)
        settings = _validated(tables, origin)
    return settings


def _validated(tables: dict[str, Any], origin: _Origin) -> Settings:
    try:
        settings = Settings(**tables)
    except ValidationError as error:
        details = error.errors(include_url=False)
        more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
        raise invalid(_explained(details[0], origin) + more) from None
    if settings.run.recipe not in (known := settings.recipe_names):
        name = settings.run.recipe
        what = f"found {shown(name)}{suggestion(name, known)}; allowed: {', '.join(known)}"
        raise invalid(f"{origin(('run', 'recipe'))}: run.recipe: {what}")
    return settings


def _explained(detail: ErrorDetails, origin: _Origin) -> str:
    """One line: where, which key, what was found, what is allowed."""
    location = tuple(str(part) for part in detail["loc"] if part != "[key]")
    where = f"{origin(location)}: {'.'.join(location)}"
    if detail["type"] == "extra_forbidden":
        allowed = list(_keys(location[:-1]))
        return f"{where}: unknown key{suggestion(location[-1], allowed)}; allowed: {', '.join(allowed)}"
    reason = str(detail["ctx"]["error"]) if detail["type"] == "value_error" else f"allowed: {_allowed(location)}"
    found = "a secret" if location in SECRETS else shown(detail["input"])
    return f"{where}: found {found}; {reason}"


def _allowed(location: tuple[str, ...]) -> str:
    """What a key may be set to."""
    section, key = (*location, "")[:2]
    if key in (keys := section_fields(section)):
        return str(keys[key].description)
    if len(location) > 2 and (inner := entry_fields(section).get(location[2])):
        return str(inner.description)
    return ENTRIES[section] if key else str(Settings.model_fields[section].description)


def _keys(above: tuple[str, ...]) -> Mapping[str, object]:
    """The keys that may stand in a table, by its place."""
    if not above:
        return Settings.model_fields
    return section_fields(above[0]) if len(above) == 1 else entry_fields(above[0])


def _nested(words: Mapping[str, object]) -> dict[str, Any]:
    """Dotted keys as tables; what is None was not given."""
    tables: dict[str, Any] = {}
    for key, value in words.items():
        if value is None:
            continue
        *above, last = key.split(".")
        table = tables
        for name in above:
            table = table.setdefault(name, {})
        if isinstance(value, Mapping):
            table[last] = _merged(table.get(last, {}), _nested(value))
        else:
            table[last] = value
    return tables


def _from_here(tables: dict[str, Any]) -> dict[str, Any]:
    """The data folder made absolute: a relative one is allowed where a person types it, not in a file."""
    station = tables.get("station")
    folder = station.get("data_dir") if isinstance(station, dict) else None
    if isinstance(station, dict) and isinstance(folder, str | os.PathLike) and folder:
        station["data_dir"] = os.path.abspath(os.path.expanduser(folder))
    return tables


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Two layers as one, table by table; something that is no table stays, for validation to refuse."""
    merged = dict(below)
    for name, table in above.items():
        old = merged.get(name)
        merged[name] = _merged(old, table) if isinstance(old, dict) and isinstance(table, dict) else table
    return merged
