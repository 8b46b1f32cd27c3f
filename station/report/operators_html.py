"""The operator's page as one HTML file for the printer: A4, its pictures inside, nothing loaded from anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from markupsafe import Markup

from station.report.html_report import environment

TEMPLATE = "operators.html.j2"
_CODES = {"zh_CN": "zh-CN"}
"""As HTML names a language, where that is another way."""


class Page(Protocol):
    """The texts and pictures; the pictures are SVGs whose texts are escaped already."""

    @property
    def language(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Foot:
    """What stands at the foot of the page."""

    station_id: str
    version: str


def operators_html(page: Page, foot: Foot) -> str:
    """The whole page."""
    code = _CODES.get(page.language, page.language)
    return environment().get_template(TEMPLATE).render(page=page, foot=foot, code=code, svg=Markup)
