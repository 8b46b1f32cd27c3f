"""The sections for who looks at the line and steers it: screens, browsers, scanners, roles."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from station.settings.setting_rules import Network, Section, Text


class DashboardSection(Section):
    """`[dashboard]`: what its pages measure the line by."""

    yield_target: float = Field(default=0.0, ge=0, le=100, description="per cent, 0 (none) to 100")


class WebSection(Section):
    """`[web]`: where `station web` serves the dashboard, and whether browsers may steer the line."""

    host: Text = Field(default="127.0.0.1", min_length=1, max_length=255, description="an address or a host's name")
    port: int = Field(default=8000, ge=1, le=65535, description="a whole number from 1 to 65535")
    control: bool = Field(default=False, description="true or false")
    host_names: list[Text] = Field(default_factory=list, description="a list of host names")
    login: Literal["off", "to steer", "always"] = Field(default="off", description='"off", "to steer" or "always"')
    behind_proxy: bool = Field(default=False, description="true or false")
    proxy_addresses: list[Network] = Field(
        default=["127.0.0.0/8", "::1"], description="a list of addresses and networks"
    )


class ScannerSection(Section):
    """`[scanner]`: how the bench's barcode scanners send, so that no scan is taken for keys."""

    gap_ms: int = Field(default=60, ge=5, le=200, description="a whole number of milliseconds from 5 to 200")
    min_length: int = Field(default=3, ge=3, le=40, description="a whole number from 3 to 40")
    end: list[Literal["enter", "tab", "line feed"]] = Field(
        default=["enter", "tab", "line feed"], description='a list of "enter", "tab" and "line feed"'
    )
    prefixes: list[Text] = Field(default_factory=list, description="a list of texts")


class RolesSection(Section):
    """`[roles]`: how long an engineer who gave the PIN at a screen stays one."""

    engineer_minutes: float = Field(default=5.0, gt=0, le=480, description="minutes, more than 0 and at most 480")
