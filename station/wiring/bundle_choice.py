"""Which bundle a line flashes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from station.board.chosen import BOARD
from station.errors import BundleError, UsageError
from station.line.bound_batches import other_batch
from station.model.bundles import Binding, Bundle
from station.wiring.virtual_log import FOLDER

if TYPE_CHECKING:
    from station.bundle.store import BundleStore
    from station.settings import Settings


def bundles_of(settings: Settings, data_dir: Path | None = None) -> BundleStore:
    """The bundles of the data folder, or of another one, with the signatures that the configuration asks for."""
    from station.bundle.store import BundleStore

    folder = settings.data_dir if data_dir is None else data_dir
    return BundleStore(folder, BOARD, require_signature=settings.bundles.require_signature)


def store_of(settings: Settings, usual: Path, name: str | None) -> BundleStore:
    """The bundles of the data folder. Virtual cameras in the `usual` one have its bundles too, where theirs lack it."""
    own = bundles_of(settings)
    if settings.data_dir != usual / FOLDER:
        return own
    outer = bundles_of(settings, usual)
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


def refuse_other_part(bundle: Bundle, binding: Binding, part_number: str | None) -> None:
    """BundleError `bundle.not_for_this_part` where a bundle is bound to part numbers, and this is none of them."""
    if not binding.allows_part(part_number):
        found = f"here it is {part_number}" if part_number else "none is set here"
        allowed = ", ".join(binding.part_numbers)
        raise BundleError(
            "bundle.not_for_this_part", f"bundle {bundle.name} is for the part number {allowed}, and {found}"
        )


def refuse_other_batch(bundle: str, binding: Binding, batch: str | None) -> None:
    """BundleError `bundle.not_for_this_batch` where a bundle is bound to batches, and this is none of them."""
    if not binding.allows_batch(batch):
        raise BundleError("bundle.not_for_this_batch", other_batch(bundle, binding, batch))


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
