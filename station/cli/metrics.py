"""`station metrics`: the figures for a monitoring system, once, as text."""

from __future__ import annotations

import sys
from contextlib import closing

from station.cli.options import ConfigOption, DataDirOption, new_app, settings_for

app = new_app("The station's figures in Prometheus' form.")


@app.command(epilog="Example: station metrics")
def metrics(config: ConfigOption = None, data_dir: DataDirOption = None) -> None:
    """Print the station's figures once, in Prometheus' form; `port` in [metrics] has the line serve them over HTTP."""
    from station.ledger.reader import Reader
    from station.metrics.exposition import exposed
    from station.wiring.figures import Figures

    settings = settings_for(config, data_dir)
    Reader(settings.data_dir).close()  # without a log there is nothing to measure
    with closing(Figures(settings)) as figures:
        sys.stdout.write(exposed(figures.take()).decode())
