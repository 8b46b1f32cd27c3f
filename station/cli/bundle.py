"""`station bundle`: firmware releases."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from station.cli.options import ConfigOption, DataDirOption, JsonOption, data_dir_for, new_app
from station.cli.output import local_time, print_json, print_table, say
from station.printable import printable

if TYPE_CHECKING:
    from station.bundle.store import BundleStore
    from station.model.bundles import Bundle

app = new_app(
    "Import, list, show, verify and choose firmware releases.\n\nExample: station bundle import firmware_OPENMV_AE3.zip"
)

NameArgument = Annotated[str, typer.Argument(metavar="B", help="The bundle's name.")]


@app.command("import", epilog="Example: station bundle import firmware_OPENMV_AE3.zip")
def import_(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A folder with the four files, or the release archive.")],
    name: Annotated[str | None, typer.Option("--name", metavar="B", help="What to call it.")] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a release and copy it into the data folder. A release that is refused leaves nothing behind."""
    bundle = _store(config, data_dir).import_path(path, name, note=say)
    _print(bundle, as_json=as_json)
    say(f"imported {bundle.name}; to flash it from now on: station bundle use {bundle.name}")


@app.command("list", epilog="Example: station bundle list --json")
def list_(config: ConfigOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """The bundles that were imported, and which one is in use."""
    store = _store(config, data_dir)
    bundles = store.list()
    for problem in store.broken():
        say(f"{problem.code}: {printable(problem.message)}")
    if as_json:
        print_json([bundle.to_json() for bundle in bundles])
        return
    if not bundles:
        say("no bundle was imported yet: station bundle import PATH")
        return
    in_use = store.used()
    rows = [(b.name, "in use" if b.name == in_use else "", local_time(b.imported_at), b.version) for b in bundles]
    print_table(("bundle", "", "imported", "version"), rows)


@app.command(epilog="Example: station bundle show v4.8.1")
def show(
    bundle: NameArgument, config: ConfigOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """One bundle: its version label, and each image with its size and digest."""
    _print(_store(config, data_dir).get(bundle), as_json=as_json)


@app.command(epilog="Example: station bundle verify v4.8.1")
def verify(
    bundle: NameArgument, config: ConfigOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Hash a bundle's files again and compare them with its manifest. Exit code 3 if they differ."""
    store = _store(config, data_dir)
    found = store.get(bundle)
    store.verify(found)
    _print(found, as_json=as_json)
    say(f"{found.name} is intact")


@app.command(epilog="Example: station bundle use v4.8.1")
def use(
    bundle: NameArgument, config: ConfigOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Flash this bundle from now on, unless --bundle or the configuration names another one."""
    used = _store(config, data_dir).use(bundle)
    if as_json:
        print_json(used.to_json())
    say(f"{used.name} is in use")


def _store(config: Path | None, data_dir: Path | None) -> BundleStore:
    from station.bundle.store import BundleStore

    return BundleStore(data_dir_for(config, data_dir))


def _print(bundle: Bundle, *, as_json: bool) -> None:
    if as_json:
        print_json(bundle.to_json())
        return
    print(f"bundle    {bundle.name}")
    print(f"version   {bundle.version}")
    print(f"sha256    {bundle.sha256}")
    print(f"imported  {local_time(bundle.imported_at)}")
    rows = [(image.partition, image.alt, image.size_bytes, image.sha256, image.file) for image in bundle.images]
    print_table(("image", "alt", "bytes", "sha256", "file"), rows)
