"""What one value of the configuration may be, and what is made of it. ValueError says what is wrong with it."""

from __future__ import annotations

import ipaddress
import os
import re
import shlex
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from station.config_file import APPLICATION
from station.local_time import zone_of

_PORT_PATH = re.compile(r"[0-9]+-[0-9]+(\.[0-9]+)*")
_BUS = re.compile(r"[1-9][0-9]{0,4}")
_ENTRY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


def one_line(value: str) -> str:
    """Text that can be printed, stored and put on one line."""
    if not value.isprintable() or value != value.strip():
        raise ValueError("has a blank at an end or a character that cannot be printed")
    return value


def slot_name(value: str) -> str:
    """A slot's name as it may stand in the configuration; ValueError says what is wrong with it."""
    if not 1 <= len(one_line(value)) <= 24:
        raise ValueError("a slot's name has 1 to 24 characters")
    if _PORT_PATH.fullmatch(value):
        raise ValueError("a slot's name must not look like a port path")
    return value


def _port_path(value: str) -> str:
    if not _PORT_PATH.fullmatch(value):
        raise ValueError('a port path is the bus, "-" and the ports separated by ".", for example "1-1.4.2"')
    return value


def _bus_number(value: str) -> str:
    if not _BUS.fullmatch(value):
        raise ValueError("a bus is a number from 1")
    return value


def _place(value: str) -> str:
    if not 1 <= len(one_line(value)) <= 300:
        raise ValueError("a controller's place has 1 to 300 characters")
    return value


def _entry_name(value: str) -> str:
    if not _ENTRY_NAME.fullmatch(value):
        raise ValueError("a name has 1 to 40 letters, digits, '.', '_' and '-', a letter or digit first")
    return value


def command_words(command: str) -> list[str]:
    """The words of a command line; ValueError where it is none."""
    try:
        return shlex.split(command)
    except ValueError:  # the library's words are for programmers
        raise ValueError("a quotation mark or a backslash is left open at its end") from None


def power_cycle_command(command: str) -> str:
    """A command line whose words name the port: another port's camera must not lose its power."""
    words = command_words(command)
    unknown = re.sub(r"\{(hub|port|port_path)\}", "", command)
    if "{" in unknown or "}" in unknown:
        raise ValueError("only {hub}, {port} and {port_path} may stand in braces")
    named = {name for name in ("{hub}", "{port}", "{port_path}") if any(name in word for word in words)}
    if words and "{port_path}" not in named and not {"{hub}", "{port}"} <= named:
        raise ValueError("the command must name the port: {hub} and {port}, or {port_path}")
    return command


def absolute_folder(value: object) -> object:
    """An absolute folder, the usual one for empty text; what is no text stays, for validation to refuse."""
    if value in ("", Path()):
        return usual_data_dir()
    if not isinstance(value, str):
        return value
    folder = os.path.expanduser(one_line(value))
    if not os.path.isabs(folder):
        raise ValueError("a folder in the configuration is absolute or begins with ~/")
    return Path(folder)


def usual_data_dir() -> Path:
    """The data folder where nobody names one."""
    base = os.environ.get("XDG_DATA_HOME", "")
    if not os.path.isabs(base):  # the XDG specification wants relative ones ignored
        base = os.path.expanduser("~/.local/share")
    return Path(base if os.path.isabs(base) else "/var/lib") / APPLICATION  # a service's user may have no home


def _network(value: str) -> str:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError as error:
        raise ValueError('an address or a network is for example "192.168.1.7" or "192.168.1.0/24"') from error
    return value


def known_zone(name: str) -> str:
    """The name of a time zone that there is, or empty."""
    zone_of(name)
    return name


Text = Annotated[str, AfterValidator(one_line)]
SlotName = Annotated[str, AfterValidator(slot_name)]
PortPath = Annotated[str, AfterValidator(_port_path)]
BusNumber = Annotated[str, AfterValidator(_bus_number)]
ControllerPlace = Annotated[str, AfterValidator(_place)]
Network = Annotated[str, AfterValidator(_network)]
EntryName = Annotated[str, AfterValidator(_entry_name)]


class Section(BaseModel):
    """A table of the file. Strict: a file's "yes" or 1 is no truth value. A field's description is what is allowed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
