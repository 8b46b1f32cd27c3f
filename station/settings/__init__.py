"""The configuration: a TOML file and the environment, read once into a frozen `Settings`.

Precedence, highest first: the command line, the environment (`STATION_RUN__VERIFY=false`, `STATION_DATA_DIR=...`),
the file, the defaults. Whatever is wrong is a `SettingsError` of one line that names the file or the variable, the key,
what was found and what is allowed. Nothing but this package knows pydantic; what it gives away are plain model values.
"""

from station.config_file import usual_files
from station.settings.load import load_settings
from station.settings.schema import (
    BUILT_IN_RECIPES,
    STEPS,
    LineSection,
    RunSection,
    Settings,
    StationSection,
)
from station.settings.screen_sections import WebSection
from station.settings.setting_rules import usual_data_dir
from station.settings.slots_file import name_problem, slots_file, write_slots
from station.settings.values_file import write_values

__all__ = [
    "BUILT_IN_RECIPES",
    "STEPS",
    "LineSection",
    "RunSection",
    "Settings",
    "StationSection",
    "WebSection",
    "load_settings",
    "name_problem",
    "slots_file",
    "usual_data_dir",
    "usual_files",
    "write_slots",
    "write_values",
]
