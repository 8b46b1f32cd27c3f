"""Which board this station flashes: the one line to change for another. Only wiring, cli and settings look here."""

from __future__ import annotations

from typing import Final

from station.board.board import Board
from station.board.openmv_ae3 import OPENMV_AE3

BOARD: Final[Board] = OPENMV_AE3
