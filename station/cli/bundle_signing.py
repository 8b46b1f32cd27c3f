"""`station bundle sign` and `station bundle trust`: who says that a release may be flashed."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from station.cli.options import ConfigOption, DataDirOption, JsonOption, a_path, settings_for
from station.cli.output import print_json, print_table, say
from station.errors import UsageError
from station.file_problems import reason
from station.terminal_text import printable

if TYPE_CHECKING:
    from station.bundle.store import BundleStore
    from station.bundle.stored_signatures import Signer
    from station.model.bundles import Binding, Bundle

SIGN_EPILOG = (
    "Examples: station bundle sign --new-key release-key.pem; station bundle sign v5.0.0 --key release-key.pem;"
    ' station bundle sign build/ --name v5.0.0 --key release-key.pem --part-number AE3-02 --batch "2026-*"'
)
TRUST_EPILOG = (
    "Examples: station bundle trust release-key.pem.pub --name factory; station bundle trust;"
    " station bundle trust --remove factory"
)


def sign(
    bundle: Annotated[
        str | None, typer.Argument(metavar="B", help="The bundle's name, or a release on disk that is a folder.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", parser=a_path, metavar="FILE", help="The private key: Ed25519, in PEM.")
    ] = None,
    new_key: Annotated[
        Path | None,
        typer.Option("--new-key", parser=a_path, metavar="FILE", help="Make a pair of keys: FILE, and FILE.pub."),
    ] = None,
    part_numbers: Annotated[
        list[str] | None,
        typer.Option("--part-number", metavar="P", help="Only for cameras of this part number. May be repeated."),
    ] = None,
    batches: Annotated[
        list[str] | None,
        typer.Option("--batch", metavar="GLOB", help='Only for batches of such names, as "2026-*". May be repeated.'),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="B", help="What a release on disk is to be called.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", parser=a_path, metavar="FILE", help="Write the signature to this file, too."),
    ] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sign a bundle, or make the pair of keys for that.

    The signature lies beside a release's images as bundle-signature.json and is imported with them. A release on disk
    is not imported for it: the file is written into its folder.
    """
    store = _store(config, data_dir)
    made = _make_keys(new_key) if new_key is not None else {}
    if bundle is None and new_key is not None:
        signed: dict[str, object] = {}
    else:
        chosen_key = key or new_key
        if bundle is None or chosen_key is None:
            raise UsageError("usage.sign", "a bundle and a private key are needed to sign")
        from station.model.bundles import Binding

        binding = Binding(_words("--part-number", part_numbers), _words("--batch", batches))
        signed = _sign(store, bundle, name, chosen_key, binding, output)
    if as_json:
        print_json({**made, **signed})


def _sign(
    store: BundleStore, bundle: str, name: str | None, key: Path, binding: Binding, output: Path | None
) -> dict[str, object]:
    """Sign a bundle, or a release on disk; what `--json` prints of it."""
    if bundle not in {each.name for each in store.list()} and Path(bundle).is_dir():
        release, raw = store.sign_release(Path(bundle), name, key, binding)
        _write(output or Path(bundle) / _file_name(), raw)
        say(f"signed {bundle}; to import it with its signature: station bundle import {printable(bundle)}")
        return {**release.to_json(), "imported_at": None, "signature": store.signatures.look_at(release, raw).to_json()}
    signed = store.get(bundle)
    raw = store.sign(signed, key, binding)
    if output is not None:
        _write(output, raw)
    say(f"signed {signed.name}")
    return bundle_json(store, signed)


def trust(
    key: Annotated[
        Path | None, typer.Argument(parser=a_path, metavar="KEY", help="A public key: Ed25519, in PEM.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="What to call the key. Default: its file's name.")
    ] = None,
    remove: Annotated[
        str | None, typer.Option("--remove", metavar="NAME", help="Accept this key's signatures no longer.")
    ] = None,
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who decides it. Default: you.")] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Accept the signatures of a key from now on; without KEY: list the keys that are accepted."""
    from station.bundle.signing_keys import fingerprint
    from station.cli.engineer import done_by_engineer
    from station.roles.guarded_acts import Act
    from station.wiring.bundle_choice import bundles_of

    settings = settings_for(config, data_dir)
    store = bundles_of(settings)
    allowed = partial(done_by_engineer, config, settings.data_dir, by=by)
    if remove is not None:
        store.keys.check_known(remove)
        allowed(Act.KEY_REMOVED, f"to trust the key {printable(remove)} no longer", remove)
        store.keys.remove(remove)
        say(f"{printable(remove)} is trusted no longer")
    if key is not None:
        called = name or key.name.removesuffix(".pub").removesuffix(".pem")
        found = fingerprint(store.keys.check_new(key, called))
        allowed(Act.KEY_TRUSTED, f"to trust the key {found}", called, details={"key": found})
        store.keys.trust(key, called)
        say(f"signatures of {printable(called)} are accepted from now on")
    if as_json or (key is None and remove is None):
        _list_keys(store, as_json=as_json)


def bundle_json(store: BundleStore, bundle: Bundle) -> dict[str, object]:
    """A bundle with its signer, None where it is not signed."""
    signer = store.signatures.look(bundle)
    return {**bundle.to_json(), "signature": signer and signer.to_json()}


def signer_lines(signer: Signer | None) -> list[str]:
    """Who signed, and for what, as `show` and `verify` print it."""
    if signer is None:
        return ["signed    no"]
    who = signer.name or "a key that is not trusted here"
    lines = [f"signed    by {who} ({signer.fingerprint})"]
    for label, allowed in (("parts", signer.binding.part_numbers), ("batches", signer.binding.batches)):
        if allowed:
            lines.append(f"{label:<9} only {', '.join(allowed)}")
    return lines


def _make_keys(path: Path) -> dict[str, object]:
    """Make a pair of keys; what `--json` prints of it."""
    from station.bundle.signing_keys import fingerprint, new_pair, read_public

    public = new_pair(path)
    say(
        f"made {printable(str(path))}, which nobody else may have, and {printable(str(public))}; "
        f"at each station: station bundle trust {printable(str(public))}"
    )
    return {"private": str(path), "public": str(public), "key": fingerprint(read_public(public))}


def _list_keys(store: BundleStore, *, as_json: bool) -> None:
    from station.bundle.signing_keys import fingerprint

    keys = store.keys.all()
    for path in store.keys.broken():
        say(f"bundle.key_invalid: {printable(str(path))} is no key; nobody is trusted by it")
    if as_json:
        print_json([{"name": name, "key": fingerprint(key)} for name, key in keys.items()])
    elif not keys:
        say("no key is trusted yet: station bundle trust KEY")
    else:
        print_table(("name", "key"), [(name, fingerprint(key)) for name, key in keys.items()])


def _words(option: str, given: list[str] | None) -> tuple[str, ...]:
    words = tuple(word.strip() for word in given or ())
    if not all(words):
        raise UsageError("usage.empty", f"{option} is an empty text")
    return words


def _file_name() -> str:
    from station.bundle.bundle_signature import FILE

    return FILE


def _write(path: Path, raw: bytes) -> None:
    from station.atomic_write import write_durably

    try:
        write_durably(path, raw, 0o644)
    except OSError as error:
        raise UsageError("usage.output", f"cannot write {path}: {reason(error)}") from error


def _store(config: Path | None, data_dir: Path | None) -> BundleStore:
    from station.wiring.bundle_choice import bundles_of

    return bundles_of(settings_for(config, data_dir))
