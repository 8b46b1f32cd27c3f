"""The variables of the sections, as pydantic-settings reads them. Loaded only where such a variable is set."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as MalformedVariableError

from station.settings.schema import DELIMITER, PREFIX, Settings, entry_fields, section_fields

_TRUTH = {"true": True, "1": True, "false": False, "0": False}


class MalformedSectionError(Exception):
    """A variable holds no JSON where it should; `section` is the one it sets, empty where that is not known."""

    def __init__(self, section: str) -> None:
        super().__init__(section)
        self.section = section


class _Sections(Settings, BaseSettings):
    """The settings as variables; never built, only read."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_nested_delimiter=DELIMITER, env_ignore_empty=True)


class _Environment(EnvSettingsSource):
    """pydantic's reader; text becomes what the field wants, or stays for validation to refuse."""

    def __call__(self) -> dict[str, Any]:
        found = super().__call__()
        for section, values in found.items():
            if isinstance(values, dict):
                _convert(values, section_fields(section))
                for entry in values.values():
                    if isinstance(entry, dict):
                        _convert(entry, entry_fields(section))
        return found


def _convert(values: dict[str, Any], fields: Mapping[str, FieldInfo]) -> None:
    for key, field in fields.items():
        if isinstance(values.get(key), str):
            values[key] = _from_text(field.annotation, values[key])


def read_sections() -> dict[str, Any]:
    """Every section's variables as tables. MalformedSectionError; RecursionError for JSON that is nested too deeply."""
    try:
        return _Environment(_Sections)()
    except MalformedVariableError as error:
        named = re.search(r'field "(\w+)"', str(error))
        raise MalformedSectionError(named.group(1) if named else "") from None


def _from_text(annotation: object, text: str) -> object:
    if annotation is bool:
        return _TRUTH.get(text.strip().lower(), text)
    with contextlib.suppress(ValueError):
        if annotation is int:
            return int(text)
        if annotation is float:
            return float(text)
    return text
