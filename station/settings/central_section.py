"""`[central]`: the database of all stations."""

from __future__ import annotations

import re

from pydantic import Field, SecretStr, field_validator

from station.settings.setting_rules import Section

_URL = re.compile(r"postgresql(\+psycopg)?://\S*/[^/\s]+")


class CentralSection(Section):
    """`[central]`: the database of all stations. Its URL has a password in it, which no message shows."""

    url: SecretStr = Field(default=SecretStr(""), description="the URL of a PostgreSQL database, or empty")
    ask_s: float = Field(default=0.05, ge=0, le=2, description="seconds, 0 (never ask) to 2")

    @field_validator("url")
    @classmethod
    def _names_a_database(cls, url: SecretStr) -> SecretStr:
        if url.get_secret_value() and not _URL.fullmatch(url.get_secret_value()):
            raise ValueError('a central database is "postgresql+psycopg://USER:PASSWORD@HOST:PORT/NAME"')
        return url
