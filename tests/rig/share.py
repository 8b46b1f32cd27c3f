"""Folders of the machine that the guest has at the same paths."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Share:
    """A host folder at the same path in the guest. Read-only ones are cached there: do not change them meanwhile."""

    path: Path
    writable: bool = False

    @property
    def mode(self) -> str:
        """As `mount` spells it."""
        return "rw" if self.writable else "ro"


def all_shares(scratch: Path, more: Sequence[Share]) -> list[Share]:
    """The checkout, the virtual environment, its interpreter, what the caller adds, and the one writable folder.

    NotADirectoryError for what is no folder.
    """
    if lost := [str(share.path) for share in more if not share.path.is_dir()]:
        raise NotADirectoryError(f"only folders can be shared with the guest: {', '.join(lost)}")
    folders = sorted({CHECKOUT, Path(sys.prefix), Path(sys.base_prefix)})
    return merge_shares([*map(Share, folders), *more, Share(scratch.resolve(), writable=True)])


def merge_shares(shares: Sequence[Share]) -> list[Share]:
    """Drop what another share already brings, and put outer folders before those to be mounted inside them."""
    kept: list[Share] = []
    for share in sorted(set(shares), key=lambda share: (len(share.path.parts), str(share.path), not share.writable)):
        around = [other for other in kept if share.path.is_relative_to(other.path)]
        if not around or (share.writable and not around[-1].writable):
            kept.append(share)
    return kept
