"""`station operators-page`: what hangs at the bench."""

from __future__ import annotations

from typing import Annotated

import typer

from station.cli.options import ConfigOption, DataDirOption, OutputOption, new_app, settings_for
from station.cli.output import text_output
from station.errors import UsageError

app = new_app("One page for the operator, to print: an HTML file in their language, with pictures of the tiles.")


@app.command(epilog="Example: station operators-page --language es --output page.html")
def operators_page(
    language: Annotated[
        str | None,
        typer.Option("--language", metavar="en|zh_CN|es", help="Of the page. Default: language in [station]."),
    ] = None,
    output: OutputOption = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """One page (A4) for the operator, to print from a browser: words and tiles of the screen in their language."""
    settings = settings_for(config, data_dir)
    from station import __version__
    from station.dashboard.language import LANGUAGES
    from station.dashboard.printed_page import printed_page
    from station.report.operators_html import Foot, operators_html

    wanted = settings.station.language if language is None else language
    if wanted not in LANGUAGES:
        raise UsageError("usage.language", f"there is no language {wanted!r}; there are {', '.join(LANGUAGES)}")
    text = operators_html(printed_page(wanted), Foot(settings.station_id, __version__))
    with text_output(output) as file:
        file.write(text)
