"""`[stack_light]`: the light that shows how the line stands."""

from __future__ import annotations

import os
import shlex
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from station.model.stack_lights import StackLight
from station.settings.setting_rules import Section, Text

_DEFAULT = StackLight()


def _device(value: str) -> str:
    if value and not os.path.isabs(value):
        raise ValueError("a port is a device, for example /dev/serial/by-id/usb-1a86_USB_Serial-if00-port0")
    return value


class StackLightSection(Section):
    """`[stack_light]`: its kind and where it is. Durations are seconds."""

    kind: Literal["off", "adafruit5125", "sl60usb2", "command"] = Field(
        default=_DEFAULT.kind, description='"off", "adafruit5125", "sl60usb2" or "command"'
    )
    port: Annotated[Text, AfterValidator(_device)] = Field(
        default=_DEFAULT.port, max_length=400, validate_default=True, description="a serial port, or empty"
    )
    command: Text = Field(
        default=_DEFAULT.command, max_length=400, validate_default=True, description="a command, or empty"
    )
    wink_s: float = Field(default=_DEFAULT.wink_s, ge=0, le=60, description="seconds from 0 (never) to 60")

    @field_validator("port")
    @classmethod
    def _a_light_has_a_port(cls, value: str, others: ValidationInfo) -> str:
        if others.data.get("kind") in ("adafruit5125", "sl60usb2") and not value:
            raise ValueError("port names the light's serial port, best one in /dev/serial/by-id")
        return value

    @field_validator("command")
    @classmethod
    def _a_command_is_one(cls, value: str, others: ValidationInfo) -> str:
        if others.data.get("kind") == "command" and not shlex.split(value):
            raise ValueError("command is what shows the line's signal, for example /usr/local/bin/light")
        return value

    @property
    def light(self) -> StackLight:
        """The light as a value."""
        return StackLight(self.kind, self.port, self.command, self.wink_s)
