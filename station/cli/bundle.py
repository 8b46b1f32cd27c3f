"""`station bundle`: firmware releases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from station.cli.options import (
    ConfigOption,
    DataDirOption,
    JsonOption,
    a_path,
    data_dir_for,
    new_app,
    settings_for,
    use_station_clock,
)
from station.cli.output import local_time, print_json, print_line, print_table, say
from station.cli.own_name import own_command
from station.errors import UsageError
from station.file_problems import reason
from station.local_time import zone_names
from station.terminal_text import printable

if TYPE_CHECKING:
    from station.bundle.store import BundleStore
    from station.model.bundles import Bundle

app = new_app(
    "Import, list, show, verify and choose firmware releases.\n\nExample: station bundle import firmware_OPENMV_AE3.zip"
)

NameArgument = Annotated[str, typer.Argument(metavar="B", help="The bundle's name.")]


@app.command(
    "import",
    epilog="Examples: station bundle import firmware_v5.0.0.zip; station bundle import build/ --partial;"
    " station bundle import build/ --map HP=out/hp.bin --mixed",
)
def import_(
    path: Annotated[
        Path,
        typer.Argument(
            parser=a_path, metavar="PATH", help="A release: a folder or a zip archive, for this board or for all."
        ),
    ],
    name: Annotated[str | None, typer.Option("--name", metavar="B", help="What to call it.")] = None,
    maps: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="PARTITION=FILE",
            help="The image for HP, HE, ROMFS1 or ROMFS0: a file in PATH, or else on the disk. May be repeated.",
        ),
    ] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Take fewer than four images.")] = False,
    mixed: Annotated[bool, typer.Option("--mixed", help="Take HP and HE of two releases.")] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a release and copy it into the data folder. A release that is refused leaves nothing behind."""
    from station.board.chosen import BOARD
    from station.bundle.mapping import parse_maps
    from station.bundle.release_images import Choices

    choices = Choices(partial, mixed, parse_maps(BOARD, maps or ()))
    bundle = _store(config, data_dir).import_path(path, name, choices=choices, note=_say)
    _print(bundle, as_json=as_json)
    say(f"imported {bundle.name}; to flash it from now on: station bundle use {bundle.name}")


@app.command("demo", epilog="Example: station bundle demo demo-release")
def demo(
    folder: Annotated[Path, typer.Argument(parser=a_path, metavar="DIR", help="The folder to make: new, or empty.")],
    _config: ConfigOption = None,
    _data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a release to try things with: four images of real sizes that no camera starts."""
    from station.board.chosen import BOARD
    from station.bundle.demo_release import make_demo_release

    try:
        if folder.exists() and any(folder.iterdir()):
            raise UsageError("usage.file_exists", f"there is something in the folder {folder} already")
        make_demo_release(folder, BOARD)
    except OSError as error:
        raise UsageError("usage.output", f"cannot make a release in {folder}: {reason(error)}") from error
    if as_json:
        print_json({"folder": str(folder), "files": sorted(file.name for file in folder.iterdir())})
    say(f"made a release; to have it flashed: {own_command('bundle', 'import', str(folder))}")


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
    use_station_clock(config)
    in_use = store.used()
    rows = [(b.name, _remarks(b, b.name == in_use), local_time(b.imported_at), b.version) for b in bundles]
    zone = zone_names(bundle.imported_at for bundle in bundles)
    print_table(("bundle", "", f"imported ({zone})", "version"), rows)


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
    bundle: NameArgument,
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who chooses it. Default: you.")] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Flash this bundle from now on, unless --bundle or the configuration names another one.

    One that has no image for a partition that the configured recipe writes is refused.
    """
    store = _store(config, data_dir)
    _allow(store, bundle, config, data_dir, by)
    used = store.use(bundle, _needed(store.get(bundle), config, data_dir))
    if as_json:
        print_json(used.to_json())
    say(f"{used.name} is in use")


def _allow(store: BundleStore, name: str, config: Path | None, data_dir: Path | None, by: str | None) -> None:
    """Choosing another bundle is an engineer's act; a bundle that cannot be used is refused before it is one."""
    from station.cli.engineer import done_by_engineer
    from station.roles.guarded_acts import Act

    chosen, before = store.get(name), store.used()
    store.verify(chosen)
    if chosen.name != before:
        details = {"before": before, "sha256": chosen.sha256, "version": chosen.version}
        what = f"to flash {chosen.name} from now on"
        done_by_engineer(config, data_dir_for(config, data_dir), Act.BUNDLE_USED, what, chosen.name, by, details)


def _store(config: Path | None, data_dir: Path | None) -> BundleStore:
    from station.board.chosen import BOARD
    from station.bundle.store import BundleStore

    return BundleStore(data_dir_for(config, data_dir), BOARD)


def _say(line: str) -> None:
    say(printable(line))


def _needed(bundle: Bundle, config: Path | None, data_dir: Path | None) -> Sequence[str]:
    """The partitions that the configured recipe writes; the configuration is not read for a whole release."""
    if not _partial(bundle):
        return ()
    settings = settings_for(config, data_dir)
    return settings.recipe(settings.run.recipe).partitions


def _partial(bundle: Bundle) -> bool:
    from station.board.chosen import BOARD

    return bool(bundle.missing(BOARD.image_order))


def _remarks(bundle: Bundle, in_use: bool) -> str:
    there = "+".join(image.partition for image in bundle.images)
    remarks = ("in use" if in_use else "", f"only {there}" if _partial(bundle) else "", _mixed(bundle))
    return ", ".join(remark for remark in remarks if remark)


def _mixed(bundle: Bundle) -> str:
    return "HP and HE are of two releases" if bundle.mixed else ""


def _print(bundle: Bundle, *, as_json: bool) -> None:
    if as_json:
        print_json(bundle.to_json())
        return
    print_line(f"bundle    {bundle.name}")
    print_line(f"version   {bundle.version}")
    if bundle.mixed:
        print_line(f"mixed     {_mixed(bundle)}")
    print_line(f"sha256    {bundle.sha256}")
    print_line(f"imported  {local_time(bundle.imported_at)}")
    rows = [(image.partition, image.alt, image.size_bytes, image.sha256, image.file) for image in bundle.images]
    print_table(("image", "alt", "bytes", "sha256", "file"), rows)
