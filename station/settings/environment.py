"""The environment: `STATION_<SECTION>__<KEY>`, and short ones: `STATION_DATA_DIR`, `STATION_ID`,
`STATION_LANGUAGE`, `STATION_TIME_ZONE`.
"""

from __future__ import annotations

import difflib
import os
from typing import Any

from station.settings.invalid_setting import invalid
from station.settings.schema import DELIMITER, PREFIX, Settings, section_fields

_SHORT = {"DATA_DIR": "data_dir", "ID": "id", "LANGUAGE": "language", "TIME_ZONE": "time_zone"}
_SLIP_CUTOFF = 0.85


def read_environment() -> dict[str, Any]:
    """Every variable of this program, as tables; an empty one counts as not set.

    Raises SettingsError for a section that does not exist, a slip of the pen, or JSON that is none.
    """
    ours = {name.removeprefix(PREFIX): value for name, value in os.environ.items() if name.startswith(PREFIX) and value}
    for name in ours:
        _refuse_unknown(name)
    tables = _read() if any(map(_sets_a_section, os.environ)) else {}
    for name, value in ours.items():
        section, _, key = name.partition(DELIMITER)
        if name in _SHORT:
            tables.setdefault("station", {}).setdefault(_SHORT[name], value)
        elif section == "SLOTS" and key and isinstance(slots := tables["slots"], dict):
            slots.pop(key.lower(), None)  # the names on the bench keep their upper and lower case
            slots[key] = value
    return tables


def variable(location: tuple[str, ...]) -> str:
    """Words for the variable that set a key: the one that exists of its spellings."""
    section, key = (*location, "", "")[:2]
    spellings = [f"{section}{DELIMITER}{key}", section]
    if section == "station":
        spellings.append(key)
    wanted = [f"{PREFIX}{spelling}".upper() for spelling in spellings]
    names = [name for name in os.environ if name.upper() in wanted or name.upper().startswith(wanted[0] + DELIMITER)]
    return f"environment variable {names[0]}" if names else "environment"


def _sets_a_section(name: str) -> bool:
    """Whether a variable is one for pydantic-settings, which takes longer to load than most commands to run."""
    section, _, _ = name.upper().removeprefix(PREFIX).partition(DELIMITER)
    return name.upper().startswith(PREFIX) and section.lower() in Settings.model_fields


def _read() -> dict[str, Any]:
    from station.settings.sections import MalformedSectionError, read_sections

    try:
        return read_sections()
    except MalformedSectionError as error:
        location = (error.section,) if error.section else ()
        raise invalid(f"{variable(location)}: found something that is not JSON") from None
    except RecursionError:
        raise invalid("environment: found JSON that is nested too deeply") from None


def _refuse_unknown(name: str) -> None:
    """Other programs' variables are let be, as long as they do not look like one of ours."""
    section, delimiter, _ = name.partition(DELIMITER)
    sections = [section.upper() for section in Settings.model_fields]
    if name in _SHORT or section.upper() in sections:
        return
    if delimiter:
        raise invalid(f"environment variable {PREFIX}{name}: unknown section; allowed: {', '.join(sections)}")
    ours = [f"{table}{DELIMITER}{key}".upper() for table in Settings.model_fields for key in section_fields(table)]
    if close := difflib.get_close_matches(name, [*_SHORT, *ours], n=1, cutoff=_SLIP_CUTOFF):
        raise invalid(f"environment variable {PREFIX}{name}: unknown, did you mean {PREFIX}{close[0]}?")
