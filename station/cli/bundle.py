"""`station bundle`: firmware releases."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from station.cli.bundle_signing import SIGN_EPILOG, TRUST_EPILOG, bundle_json, sign, signer_lines, trust
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
from station.errors import BundleError, UsageError
from station.file_problems import reason
from station.local_time import zone_names
from station.terminal_text import printable

if TYPE_CHECKING:
    from station.bundle.store import BundleStore
    from station.model.bundles import Bundle

app = new_app(
    "Import, list, show, verify, choose and sign firmware releases.\n\n"
    "Example: station bundle import firmware_OPENMV_AE3.zip"
)

NameArgument = Annotated[str, typer.Argument(metavar="B", help="The bundle's name.")]


@app.command(
    "import",
    epilog="Examples: station bundle import firmware_v5.0.0.zip --name v5.0.0; station bundle import build/ --partial;"
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
    store = _checking_store(config, data_dir)
    bundle = store.import_path(path, name, choices=choices, note=_say)
    _print(store, bundle, as_json=as_json, config=config)
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
        print_json([{**bundle.to_json(), "signature": _signed_json(store, bundle)} for bundle in bundles])
        return
    if not bundles:
        say("no bundle was imported yet: station bundle import PATH")
        return
    use_station_clock(config)
    in_use = store.used()
    rows = [(b.name, _remarks(store, b, b.name == in_use), local_time(b.imported_at), b.version) for b in bundles]
    zone = zone_names(bundle.imported_at for bundle in bundles)
    print_table(("bundle", "", f"imported ({zone})", "version"), rows)


@app.command(epilog="Example: station bundle show v5.0.0")
def show(
    bundle: NameArgument, config: ConfigOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """One bundle: its version label, and each image with its size and digest."""
    store = _store(config, data_dir)
    _print(store, store.get(bundle), as_json=as_json, config=config)


@app.command(epilog="Example: station bundle verify v5.0.0")
def verify(
    bundle: NameArgument, config: ConfigOption = None, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Hash a bundle's files again and compare them with its manifest, and check its signature. Exit code 3 if they
    differ, or if signatures are required and a trusted key's is missing."""
    store = _checking_store(config, data_dir)
    found = store.get(bundle)
    store.verify(found)
    _print(store, found, as_json=as_json, config=config)
    say(f"{found.name} is intact")


@app.command(epilog="Example: station bundle use v5.0.0")
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
    from station.wiring.bundle_choice import bundles_of, refuse_other_part

    settings = settings_for(config, data_dir)
    store = bundles_of(settings)
    found = store.get(bundle)
    if settings.run.part_number is not None:
        refuse_other_part(found, store.signatures.binding(found), settings.run.part_number)
    _allow(store, bundle, config, data_dir, by)
    used = store.use(bundle, settings.recipe(settings.run.recipe).partitions if _partial(found) else ())
    if as_json:
        print_json(bundle_json(store, used))
    say(f"{used.name} is in use")


app.command(epilog=SIGN_EPILOG)(sign)
app.command(epilog=TRUST_EPILOG)(trust)


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


def _checking_store(config: Path | None, data_dir: Path | None) -> BundleStore:
    """The bundles, with the signatures that the configuration asks for."""
    from station.wiring.bundle_choice import bundles_of

    return bundles_of(settings_for(config, data_dir))


def _say(line: str) -> None:
    say(printable(line))


def _partial(bundle: Bundle) -> bool:
    from station.board.chosen import BOARD

    return bool(bundle.missing(BOARD.image_order))


def _remarks(store: BundleStore, bundle: Bundle, in_use: bool) -> str:
    there = "+".join(image.partition for image in bundle.images)
    only = f"only {there}" if _partial(bundle) else ""
    remarks = ("in use" if in_use else "", only, _mixed(bundle), _signed(store, bundle))
    return ", ".join(remark for remark in remarks if remark)


def _signed(store: BundleStore, bundle: Bundle) -> str:
    try:
        signer = store.signatures.look(bundle)
    except BundleError as error:
        return error.code
    return (
        "" if signer is None else f"signed by {signer.name}" if signer.name else "signed with a key that is not trusted"
    )


def _mixed(bundle: Bundle) -> str:
    return "HP and HE are of two releases" if bundle.mixed else ""


def _signed_json(store: BundleStore, bundle: Bundle) -> object:
    """Who signed it; for a list that shows what is wrong with one and goes on, the code of that."""
    try:
        signer = store.signatures.look(bundle)
    except BundleError as error:
        return {"code": error.code}
    return signer and signer.to_json()


def _print(store: BundleStore, bundle: Bundle, *, as_json: bool, config: Path | None) -> None:
    if as_json:
        print_json(bundle_json(store, bundle))
        return
    signer = store.signatures.look(bundle)
    use_station_clock(config)
    print_line(f"bundle    {bundle.name}")
    print_line(f"version   {bundle.version}")
    if bundle.mixed:
        print_line(f"mixed     {_mixed(bundle)}")
    print_line(f"sha256    {bundle.sha256}")
    print_line(f"imported  {local_time(bundle.imported_at)} {zone_names([bundle.imported_at])}")
    for line in signer_lines(signer):
        print_line(line)
    rows = [(image.partition, image.alt, image.size_bytes, image.sha256, image.file) for image in bundle.images]
    print_table(("image", "alt", "bytes", "sha256", "file"), rows)
