"""A line without processes, for what the dispatcher does by itself."""

from __future__ import annotations

from multiprocessing import get_context
from multiprocessing.connection import Connection

from station.line.pool import Programs
from station.line.setup import LineSetup, OpenLog
from station.model.events import UnitHistory
from station.model.recipes import Recipe
from station.model.runs import RunOptions


def no_child(connection: Connection) -> None:
    raise AssertionError("no process is started in these tests")


PROGRAMS = Programs(get_context("forkserver"), no_child, no_child, no_child)
SETUP = LineSetup("s1", Recipe("full", ()), "b", "b1", (), RunOptions())
NO_LOG = OpenLog(submit=lambda fact: None, history=lambda serial, batch: UnitHistory())
