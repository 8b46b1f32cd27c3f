"""Where the images of a release are among the names of a folder or an archive, whatever its shape.

1. A release that lies flat is taken as it is; what lies in folders beside it is left aside.
2. Otherwise the folder that is called as the board is taken (a tagged release has one for each board, `tools/ci.sh` of
   openmv/openmv), at any depth: people re-zip releases with a folder around them.
3. Otherwise the one folder that holds every image that is wanted, or, where none does, the one that holds any and is
   not called as another board: other boards have a romfs0.img, too.
4. Two that match, or a flat release and the board's folder beside it: nobody can tell which one is meant, refused.

Names are compared without regard to case. Which names those are the board says.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final

from station.board.board import Board
from station.board.partition import Partition
from station.errors import BundleError

FOUND_LIMIT: Final = 12
"""How many names a message lists."""

Images = dict[Partition, tuple[str, ...]]
"""The names of the files for a partition: more than one where several could be meant."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The folder of a release ("" for a flat one) and the files in it; `aside` are images that were left out."""

    folder: str
    images: Images
    aside: tuple[str, ...] = field(default=())


class FileNames:
    """What the files of a board's release may be called, by the last part of a name."""

    def __init__(self, board: Board) -> None:
        self._folder = board.release.folder.casefold()
        self._other_folders = re.compile(board.release.other_folders)
        self._by_file = {
            file.casefold(): partition
            for partition in board.images
            if partition.image is not None
            for file in partition.image.files
        }

    def partition_of(self, name: str) -> Partition | None:
        """The partition that a file of that name is an image for; None where it is none."""
        return self._by_file.get(PurePosixPath(name).name.casefold())

    def is_board_folder(self, name: str) -> bool:
        """Whether this board's folder is called so."""
        return PurePosixPath(name).name.casefold() == self._folder

    def is_other_boards(self, name: str) -> bool:
        """Whether another board's folder is called so."""
        return self._other_folders.fullmatch(name.rpartition("/")[2]) is not None


def find_layout(path: object, names: Iterable[str], known: FileNames, wanted: Collection[Partition]) -> Layout:
    """Find the images of the wanted partitions; BundleError `bundle.folder_ambiguous` where two folders match.

    What is not there is not in `images`.
    """
    by_folder = _by_folder(names, known, wanted)
    matching = _matching(by_folder, known, wanted)
    if len(matching) > 1:
        places = listed([f"{folder}/" if folder else "PATH itself" for folder in matching])
        raise BundleError("bundle.folder_ambiguous", f"{path}: the files of a release are in {places}: which is meant?")
    if not matching:
        return Layout("", {})
    images = by_folder[matching[0]]
    taken = {partition: _factory_first(partition, files) for partition, files in images.items()}
    aside = tuple(name for partition, files in images.items() for name in files if name not in taken[partition])
    return Layout(matching[0], taken, aside)


def listed(names: Iterable[str]) -> str:
    """Names for a message, no more than are read: "a, b and 20 more"."""
    every = [name if name.isprintable() else ascii(name) for name in names]
    more = len(every) - FOUND_LIMIT
    return ", ".join(every[:FOUND_LIMIT]) + (f" and {more} more" if more > 0 else "")


def _by_folder(names: Iterable[str], known: FileNames, wanted: Collection[Partition]) -> dict[str, Images]:
    by_folder: dict[str, Images] = {}
    for name in sorted(names):
        folder = name.rpartition("/")[0]
        partition = known.partition_of(name)
        if partition in wanted and partition is not None:
            images = by_folder.setdefault(folder, {})
            images[partition] = (*images.get(partition, ()), name)
    return by_folder


def _matching(by_folder: Mapping[str, Images], known: FileNames, wanted: Collection[Partition]) -> list[str]:
    ours = [folder for folder in by_folder if known.is_board_folder(folder)]
    if "" in by_folder:
        return ["", *ours]
    complete = [folder for folder, images in by_folder.items() if len(images) == len(wanted)]
    return ours or complete or [folder for folder in by_folder if not known.is_other_boards(folder)]


def _factory_first(partition: Partition, names: tuple[str, ...]) -> tuple[str, ...]:
    """Of two images for one partition the factory's: the other is for cameras that are updated."""
    image = partition.image
    stems = {name: PurePosixPath(name).stem.casefold() for name in names}
    if image is None or image.factory.casefold() not in stems.values():
        return names
    return tuple(name for name in names if stems[name] != image.update.casefold())
