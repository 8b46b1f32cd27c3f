"""`--map PARTITION=FILE`: the file of an image named by the one who imports, for releases of a shape of their own."""

from __future__ import annotations

from collections.abc import Iterable

from station.board.board import Board
from station.board.partition import Partition
from station.errors import UsageError


def parse_maps(board: Board, words: Iterable[str]) -> dict[Partition, str]:
    """The file for each partition that is named; UsageError `usage.map` for what cannot be meant."""
    maps: dict[Partition, str] = {}
    for word in words:
        partition, file = _parse(board, word)
        if partition in maps:
            raise _refused(word, f"{partition.name} is mapped twice")
        maps[partition] = file
    return maps


def _parse(board: Board, word: str) -> tuple[Partition, str]:
    name, _, file = word.partition("=")
    if not name or not file or "\0" in file:
        raise _refused(word, "it is not PARTITION=FILE")
    by_name = {partition.name: partition for partition in board.images}
    if name.upper() in by_name:
        return by_name[name.upper()], file
    known = ", ".join(by_name)
    if name.upper() in {partition.name for partition in board.partitions}:
        raise _refused(word, f"{name.upper()} is not written from a release, only {known} are")
    raise _refused(word, f"there is no partition {name!r}; known: {known}")


def _refused(word: str, why: str) -> UsageError:
    return UsageError("usage.map", f"--map {word}: {why}")
