"""`[metrics]`: where a line serves its figures for a monitoring system."""

from __future__ import annotations

from pydantic import Field

from station.settings.setting_rules import Section, Text


class MetricsSection(Section):
    """`[metrics]`: an address of this machine and a port; 0 serves nothing."""

    port: int = Field(default=0, ge=0, le=65535, description="a whole number from 0 (off) to 65535")
    address: Text = Field(default="127.0.0.1", min_length=1, max_length=255, description="an address of this machine")
