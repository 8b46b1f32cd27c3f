"""Which bundle a line flashes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from station.board.chosen import BOARD
from station.errors import BundleError, UsageError
from station.model.bundles import Bundle
from station.wiring.virtual_log import FOLDER

if TYPE_CHECKING:
    from station.bundle.store import BundleStore


def store_of(data_dir: Path, usual: Path, name: str | None) -> BundleStore:
    """The bundles of a data folder. Virtual cameras in the `usual` one have its bundles too, where theirs lack it."""
    from station.bundle.store import BundleStore

    own = BundleStore(data_dir, BOARD)
    if data_dir != usual / FOLDER:
        return own
    outer = BundleStore(usual, BOARD)
    wanted = name or outer.used()
    return outer if wanted in {bundle.name for bundle in outer.list()} else own


def chosen_bundle(store: BundleStore, name: str | None) -> Bundle:
    """The bundle by name (or a release on disk, which is imported), or the one in use; its bytes are hashed again."""
    if name is None:
        name = store.used()
    if name is None:
        raise UsageError("usage.no_bundle", "no bundle is chosen")
    if not name.strip():
        raise UsageError("usage.empty", "the bundle is named by an empty text")
    path = Path(name)
    known = {bundle.name for bundle in store.list()}
    bundle = store.import_path(path) if name not in known and path.exists() else store.get(name)
    store.verify(bundle)
    return bundle


def demo_bundle(store: BundleStore) -> Bundle:
    """A made-up release of real sizes, for virtual cameras; made once a data folder."""
    from station.bundle.demo_release import make_demo_release

    with tempfile.TemporaryDirectory(prefix="ae3-demo-") as folder:
        make_demo_release(Path(folder), store.board)
        try:
            return store.import_path(Path(folder), name="demo")
        except BundleError as error:
            if error.code != "bundle.name_taken":
                raise
            return store.import_path(Path(folder))  # the demo of an earlier version has the name, and its runs
