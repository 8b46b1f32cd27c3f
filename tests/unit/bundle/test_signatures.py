"""Signed bundles: what a signature covers, what is refused, and by which code."""

from __future__ import annotations

import base64
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.board.openmv_ae3 import OPENMV_AE3
from station.bundle import bundle_signature as file_form
from station.bundle.bundle_signature import FILE, decode, signed_bytes
from station.bundle.signing_keys import new_pair, read_public
from station.bundle.store import BundleStore
from station.errors import HINTS, BundleError, UsageError
from station.model.bundles import ANYWHERE, Binding, Bundle, Image
from tests.unit.bundle.conftest import FILES, tree

MakeRelease = Callable[[int], Path]


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A private key; the public one is beside it."""
    path = tmp_path / "factory.pem"
    new_pair(path)
    return path


@pytest.fixture
def strict(tmp_path: Path, key: Path) -> BundleStore:
    """A station that requires signatures and trusts the key."""
    store = BundleStore(tmp_path / "strict", OPENMV_AE3, require_signature=True)
    store.keys.trust(public(key), "factory")
    return store


def public(key: Path) -> Path:
    return key.with_name(f"{key.name}.pub")


def sign(release: Path, key: Path, name: str = "v1", binding: Binding = ANYWHERE) -> None:
    """As the machine does that builds releases."""
    elsewhere = BundleStore(release.parent / "elsewhere", OPENMV_AE3)
    (release / FILE).write_bytes(elsewhere.sign_release(release, name, key, binding)[1])


def refusal(store: BundleStore, release: Path, name: str | None = None) -> str:
    """The code with which a release is not imported. It leaves nothing behind."""
    before = tree(store.signatures.folder.parent)
    with pytest.raises(BundleError) as caught:
        store.import_path(release, name)
    assert tree(store.signatures.folder.parent) == before
    assert HINTS[caught.value.code]
    assert caught.value.exit_code == 3
    return caught.value.code


def test_a_release_is_imported_with_its_signature(strict: BundleStore, release: Path, key: Path) -> None:
    sign(release, key, binding=Binding(("P2", "P1"), ("2026-*",)))
    bundle = strict.import_path(release)
    assert bundle.name == "v1", "the name that was signed"
    strict.use(bundle.name)
    signer = strict.signatures.check(bundle)
    assert signer is not None
    assert (signer.name, signer.binding) == ("factory", Binding(("P1", "P2"), ("2026-*",)))
    assert strict.import_path(release) == bundle, "the same once more"


def test_an_archive_carries_its_signature(strict: BundleStore, release: Path, key: Path, tmp_path: Path) -> None:
    sign(release, key)
    path = tmp_path / "release.zip"
    with zipfile.ZipFile(path, "w") as opened:
        for file in (*FILES, FILE):
            opened.write(release / file, f"OPENMV_AE3/{file}")
    notes: list[str] = []
    assert strict.import_path(path, note=notes.append).name == "v1"
    assert not any("ignored" in note for note in notes)


def test_a_bundle_that_is_there_takes_a_signature_that_comes_later(tmp_path: Path, release: Path, key: Path) -> None:
    store = BundleStore(tmp_path / "data", OPENMV_AE3)
    bundle = store.import_path(release, "v1")
    assert store.signatures.check(bundle) is None
    sign(release, key)
    assert store.import_path(release) == bundle
    assert store.signatures.check(bundle) is not None


def test_not_signed(strict: BundleStore, release: Path) -> None:
    assert refusal(strict, release) == "bundle.not_signed"


@pytest.mark.parametrize("file", FILES)
def test_one_byte_changed(strict: BundleStore, release: Path, key: Path, file: str) -> None:
    sign(release, key)
    image = bytearray((release / file).read_bytes())
    image[len(image) * 3 // 4] ^= 1
    (release / file).write_bytes(image)
    assert refusal(strict, release) == "bundle.signature_wrong"


def test_another_key(strict: BundleStore, release: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    new_pair(other)
    sign(release, other)
    assert refusal(strict, release) == "bundle.key_not_trusted"


def test_another_key_that_says_it_is_the_trusted_one(
    strict: BundleStore, release: Path, key: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    new_pair(other)
    sign(release, other)
    rewrite(release / FILE, public_key=base64.b64encode(read_public(public(key))).decode())
    assert refusal(strict, release) == "bundle.signature_wrong"


def rewrite(file: Path, **changes: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


@pytest.mark.parametrize(
    "changes",
    [{"part_numbers": ["P1", "P2"]}, {"part_numbers": []}, {"batches": ["*"]}, {"version": "v9"}, {"mixed": True}],
    ids=repr,
)
def test_what_was_signed_cannot_be_widened(
    strict: BundleStore, release: Path, key: Path, changes: dict[str, object]
) -> None:
    sign(release, key, binding=Binding(("P1",), ("L1",)))
    rewrite(release / FILE, **changes)
    assert refusal(strict, release) == "bundle.signature_wrong"


def test_a_signature_of_another_bundle(strict: BundleStore, make_release: MakeRelease, key: Path) -> None:
    one, other = make_release(1), make_release(2)
    sign(one, key, "v1")
    shutil.copy(one / FILE, other / FILE)
    assert refusal(strict, other) == "bundle.signature_of_another"


def test_a_signed_release_under_another_name(strict: BundleStore, release: Path, key: Path) -> None:
    sign(release, key, "v1")
    assert refusal(strict, release, "v2") == "bundle.signature_of_another"


def test_a_signature_replayed_onto_another_bundle_in_the_store(
    strict: BundleStore, make_release: MakeRelease, key: Path
) -> None:
    one, other = make_release(1), make_release(2)
    sign(one, key, "v1")
    sign(other, key, "v2")
    strict.import_path(one)
    bundle = strict.import_path(other)
    shutil.copy(strict.signatures.path("v1"), strict.signatures.path("v2"))
    with pytest.raises(BundleError) as caught:
        strict.use("v2")
    assert caught.value.code == "bundle.signature_of_another"
    strict.signatures.path("v2").unlink()
    with pytest.raises(BundleError) as caught:
        strict.verify(bundle)
    assert caught.value.code == "bundle.not_signed"


def test_a_manifest_that_was_exchanged_under_its_signature(
    strict: BundleStore, make_release: MakeRelease, key: Path, tmp_path: Path
) -> None:
    """Images and manifest fit each other, and are not what was signed."""
    one, other = make_release(1), make_release(2)
    sign(one, key, "v1")
    strict.import_path(one)
    forged = BundleStore(tmp_path / "forged", OPENMV_AE3)
    forged.import_path(other, "v1")
    for part in ("objects", "manifests"):
        shutil.copytree(tmp_path / "forged/bundles" / part, tmp_path / "strict/bundles" / part, dirs_exist_ok=True)
    with pytest.raises(BundleError) as caught:
        strict.use("v1")
    assert caught.value.code == "bundle.signature_of_another"


def test_a_key_that_was_removed_takes_its_bundles_with_it(strict: BundleStore, release: Path, key: Path) -> None:
    sign(release, key)
    strict.use(strict.import_path(release).name)
    strict.keys.remove("factory")
    for refused in (strict.use, lambda name: strict.verify(strict.get(name))):
        with pytest.raises(BundleError) as caught:
            refused("v1")
        assert caught.value.code == "bundle.key_not_trusted"


def test_every_shortened_file_is_refused(strict: BundleStore, release: Path, key: Path) -> None:
    sign(release, key)
    whole = (release / FILE).read_bytes()
    for length in range(0, len(whole) - 2, 7):
        (release / FILE).write_bytes(whole[:length])
        assert refusal(strict, release) == "bundle.signature_invalid"


@pytest.mark.parametrize("at", range(0, 64, 5))
def test_one_bit_of_the_signature(strict: BundleStore, release: Path, key: Path, at: int) -> None:
    sign(release, key)
    signature = bytearray(base64.b64decode(json.loads((release / FILE).read_text())["signature"]))
    signature[at] ^= 4
    rewrite(release / FILE, signature=base64.b64encode(signature).decode())
    assert refusal(strict, release) == "bundle.signature_wrong"


def test_where_none_is_required_a_wrong_one_is_refused_all_the_same(
    store: BundleStore, make_release: MakeRelease, tmp_path: Path
) -> None:
    other, release = tmp_path / "other.pem", make_release(1)
    new_pair(other)
    sign(release, other)
    bundle = store.import_path(release)
    signer = store.signatures.check(bundle)
    assert signer is not None
    assert signer.name is None, "nobody trusts the key, and nobody asks"
    rewrite(store.signatures.path("v1"), batches=["*"])
    with pytest.raises(BundleError) as caught:
        store.use("v1")
    assert caught.value.code == "bundle.signature_wrong"


# --- keys -------------------------------------------------------------------------------------------------------------


def test_a_pair_of_keys_and_who_may_read_it(key: Path) -> None:
    assert key.stat().st_mode & 0o777 == 0o600
    with pytest.raises(UsageError) as caught:
        new_pair(key)
    assert caught.value.code == "usage.file_exists"


def test_keys_that_are_none(strict: BundleStore, key: Path, release: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_bytes(b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
    for path in (key, wrong, release, tmp_path / "nowhere", release / FILES[0]):
        with pytest.raises(BundleError) as caught:
            strict.keys.trust(path, "more")
        assert caught.value.code == "bundle.key_invalid"
    for path in (public(key), wrong, tmp_path / "nowhere"):
        with pytest.raises(BundleError) as caught:
            strict.sign_release(release, "v1", path, ANYWHERE)
        assert caught.value.code == "bundle.key_invalid"
    assert list(strict.keys.all()) == ["factory"]


def test_a_name_stands_for_one_key(strict: BundleStore, key: Path, tmp_path: Path) -> None:
    new_pair(tmp_path / "other.pem")
    strict.keys.trust(public(key), "factory")
    with pytest.raises(BundleError) as caught:
        strict.keys.trust(tmp_path / "other.pem.pub", "factory")
    assert caught.value.code == "bundle.key_name_taken"
    with pytest.raises(UsageError) as unknown:
        strict.keys.remove("nobody")
    assert unknown.value.code == "usage.unknown_key"


@pytest.mark.parametrize("name", ["x" * 64, "x" * 60 + ".pem", "a.pem", "b"])
def test_a_key_is_trusted_under_any_name_that_is_taken(strict: BundleStore, key: Path, name: str) -> None:
    strict.keys.trust(public(key), name)
    assert name in strict.keys.all()
    strict.keys.remove(name)
    assert name not in strict.keys.all()


def test_a_file_among_the_keys_that_is_none_is_trusted_by_nobody(strict: BundleStore, key: Path) -> None:
    odd = strict.signatures.folder.parent / "trusted" / "odd.pem"
    odd.write_text("no key\n")
    assert list(strict.keys.all()) == ["factory"]
    assert strict.keys.broken() == (odd,)
    strict.keys.remove("odd")
    assert strict.keys.broken() == ()


# --- the canonical form -----------------------------------------------------------------------------------------------

names = st.text("abcABC019._-", min_size=1, max_size=12).filter(lambda name: name[0].isalnum())
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
words = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=12)
images = st.builds(
    Image,
    st.sampled_from(("HP", "HE", "ROMFS1", "ROMFS0")),
    st.integers(0, 9),
    names,
    st.integers(1, 1 << 24),
    digests,
)
bundles = st.builds(
    Bundle,
    names,
    digests,
    words,
    st.just(datetime(2026, 1, 1, tzinfo=UTC)),
    st.lists(images, min_size=1, max_size=4, unique_by=lambda image: image.alt).map(tuple),
    st.booleans(),
)
bindings = st.builds(Binding, st.lists(words, max_size=3).map(tuple), st.lists(words, max_size=3).map(tuple))


def what_counts(bundle: Bundle, binding: Binding) -> tuple[object, ...]:
    """What a signature must tell apart, said without the code's own words."""
    return (
        bundle.name,
        bundle.version,
        bundle.mixed,
        {(image.partition, image.alt, image.size_bytes, image.sha256) for image in bundle.images},
        set(binding.part_numbers),
        set(binding.batches),
    )


@given(bundles, bindings, bundles, bindings)
def test_the_bytes_are_the_same_exactly_where_the_facts_are(
    one: Bundle, for_one: Binding, other: Bundle, for_other: Binding
) -> None:
    same = what_counts(one, for_one) == what_counts(other, for_other)
    assert (signed_bytes(one, for_one) == signed_bytes(other, for_other)) == same


@given(bundles, bindings, st.data())
def test_any_one_change_changes_the_bytes(bundle: Bundle, binding: Binding, data: st.DataObject) -> None:
    image = data.draw(st.sampled_from(bundle.images))
    at = data.draw(st.integers(0, 63))
    digit = data.draw(st.sampled_from("0123456789abcdef"))
    changed = replace(image, sha256=image.sha256[:at] + digit + image.sha256[at + 1 :])
    others = tuple(changed if each is image else each for each in bundle.images)
    for other in (
        replace(bundle, images=others),
        replace(bundle, name=data.draw(names)),
        replace(bundle, version=data.draw(words)),
        replace(bundle, mixed=data.draw(st.booleans())),
    ):
        same = what_counts(bundle, binding) == what_counts(other, binding)
        assert (signed_bytes(bundle, binding) == signed_bytes(other, binding)) == same


@given(bundles, bindings, st.randoms(use_true_random=False))
def test_order_time_and_file_names_are_no_part_of_it(bundle: Bundle, binding: Binding, random: object) -> None:
    shuffled = list(bundle.images)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    images = tuple(replace(image, file="other.bin") for image in shuffled)
    other = replace(bundle, images=images, imported_at=datetime(2030, 5, 1, tzinfo=UTC))
    backwards = Binding(binding.part_numbers[::-1] * 2, binding.batches[::-1] * 2)
    assert signed_bytes(bundle, binding) == signed_bytes(other, backwards)


@given(bundles, bindings, st.binary(min_size=32, max_size=32), st.binary(min_size=64, max_size=64))
def test_what_is_written_is_read(bundle: Bundle, binding: Binding, key: bytes, signature: bytes) -> None:
    found = decode(file_form.encode(bundle, binding, key, signature), "the file")
    assert (found.public_key, found.signature, found.bundle) == (key, signature, bundle.name)
    assert signed_bytes(bundle, found.binding) == signed_bytes(bundle, binding)
    file_form.refuse_unfitting(bundle, found)


@given(st.binary(max_size=400))
def test_any_bytes_are_a_signature_or_refused(raw: bytes) -> None:
    with pytest.raises(BundleError) as caught:
        decode(raw, "the file")
    assert caught.value.code == "bundle.signature_invalid"
