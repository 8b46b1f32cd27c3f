"""Where the images of a release are among the names of a folder or an archive, whatever its shape.

1. A release that lies flat is taken as it is; what lies in folders beside it is left aside.
2. Otherwise the folder that is called OPENMV_AE3 is taken (a tagged release has one for each board, `tools/ci.sh` of
   openmv/openmv), at any depth: people re-zip releases with a folder around them.
3. Otherwise the one folder that holds every image that is wanted, or, where none does, the one that holds any and is
   not called as another board: other boards have a romfs0.img, too.
4. Two that match, or a flat release and a folder OPENMV_AE3 beside it: nobody can tell which one is meant, refused.

Names are compared without regard to case. Beside the names of OpenMV's own builds those of openmv-ota are known
(`docs/flash.md` there: what "flash factory" writes, "the manufacturing program").
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final

from station.ae3.partitions import FLASH_ORDER, HE, HP, ROMFS0, ROMFS1, Partition
from station.errors import BundleError

BOARD: Final = "OPENMV_AE3"
"""What the folder of this board is called in a release for all boards."""
FOUND_LIMIT: Final = 12
"""How many names a message lists."""

_OTHER_BOARD: Final = re.compile(r"(OPENMV|ARDUINO_|MPS|RPI_)[A-Z0-9_]*")
_FACTORY: Final = f"{BOARD}-factory-romfs"
_UPDATE: Final = f"{BOARD}-romfs"
_OTHER_STEMS: Final[Mapping[Partition, tuple[str, ...]]] = {
    HP: (f"{BOARD}-firmware-M55_HP",),
    HE: (f"{BOARD}-firmware-M55_HE",),
    ROMFS1: (f"{BOARD}-coprocessor-romfs",),
    ROMFS0: (_FACTORY, _UPDATE),
}


def _files_of(partition: Partition) -> tuple[str, ...]:
    """What a partition's image may be called, each plain or with a DFU suffix."""
    stem, _, ending = partition.image_file.rpartition(".")
    return tuple(f"{each}.{end}" for each in (stem, *_OTHER_STEMS[partition]) for end in (ending, "dfu"))


_BY_FILE: Final = {file.casefold(): partition for partition in FLASH_ORDER for file in _files_of(partition)}

Images = dict[Partition, tuple[str, ...]]
"""The names of the files for a partition: more than one where several could be meant."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The folder of a release ("" for a flat one) and the files in it; `aside` are images that were left out."""

    folder: str
    images: Images
    aside: tuple[str, ...] = field(default=())


def is_image(name: str) -> bool:
    """Whether the last part of a name is what an image of a release may be called."""
    return PurePosixPath(name).name.casefold() in _BY_FILE


def is_board_folder(name: str) -> bool:
    """Whether the last part of a name is what this board's folder is called."""
    return PurePosixPath(name).name.casefold() == BOARD.casefold()


def find_layout(path: object, names: Iterable[str], wanted: Collection[Partition]) -> Layout:
    """Find the images of the wanted partitions; BundleError `bundle.folder_ambiguous` where two folders match.

    What is not there is not in `images`.
    """
    by_folder = _by_folder(names, wanted)
    matching = _matching(by_folder, wanted)
    if len(matching) > 1:
        places = listed([f"{folder}/" if folder else "PATH itself" for folder in matching])
        raise BundleError("bundle.folder_ambiguous", f"{path}: the files of a release are in {places}: which is meant?")
    if not matching:
        return Layout("", {})
    images = by_folder[matching[0]]
    factory = _factory_first(images.get(ROMFS0, ()))
    aside = tuple(name for name in images.get(ROMFS0, ()) if name not in factory)
    return Layout(matching[0], {**images, ROMFS0: factory} if factory else images, aside)


def listed(names: Iterable[str]) -> str:
    """Names for a message, no more than are read: "a, b and 20 more"."""
    every = [name if name.isprintable() else ascii(name) for name in names]
    more = len(every) - FOUND_LIMIT
    return ", ".join(every[:FOUND_LIMIT]) + (f" and {more} more" if more > 0 else "")


def _by_folder(names: Iterable[str], wanted: Collection[Partition]) -> dict[str, Images]:
    by_folder: dict[str, Images] = {}
    for name in sorted(names):
        folder, _, file = name.rpartition("/")
        partition = _BY_FILE.get(file.casefold())
        if partition in wanted and partition is not None:
            images = by_folder.setdefault(folder, {})
            images[partition] = (*images.get(partition, ()), name)
    return by_folder


def _matching(by_folder: Mapping[str, Images], wanted: Collection[Partition]) -> list[str]:
    ours = [folder for folder in by_folder if is_board_folder(folder)]
    if "" in by_folder:
        return ["", *ours]
    complete = [folder for folder, images in by_folder.items() if len(images) == len(wanted)]
    return ours or complete or [folder for folder in by_folder if not _OTHER_BOARD.fullmatch(folder.rpartition("/")[2])]


def _factory_first(names: tuple[str, ...]) -> tuple[str, ...]:
    """Of openmv-ota's two images for one partition the factory's: the other is for cameras that are updated."""
    stems = {name: PurePosixPath(name).stem.casefold() for name in names}
    if _FACTORY.casefold() not in stems.values():
        return names
    return tuple(name for name in names if stems[name] != _UPDATE.casefold())
