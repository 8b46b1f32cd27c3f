"""The process that serves the figures over HTTP, beside the line."""

from __future__ import annotations

from contextlib import closing
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from prometheus_client import start_http_server

from station.file_problems import reason
from station.metrics.exposition import registry_of
from station.problem import Problem, sentence
from station.wiring.figures import Figures

if TYPE_CHECKING:
    from station.settings import Settings

AGAIN_S = 5.0
"""How often a port that another program has is tried again."""


def main(connection: Connection, words: Connection, settings: Settings) -> None:
    """The process, until the other end of the pipe is closed."""
    with closing(Figures(settings)) as figures:
        serve(connection, words, figures, settings.metrics.address, settings.metrics.port)


def serve(connection: Connection, words: Connection, figures: Figures, address: str, port: int) -> None:
    """Serve on this port, once it is free, until the pipe is closed."""
    registry, said = registry_of(figures.take), False
    while True:
        try:
            server, _ = start_http_server(port, address, registry)
            break
        except OSError as error:
            if not said:
                text = sentence("no metrics: port {port}: {reason}", port=port, reason=reason(error))
                words.send(Problem("metrics.port", text))
            said = True
        if connection.poll(AGAIN_S):
            return
    connection.poll(None)
    server.shutdown()
