"""The bundles of a station, kept by content under its data folder.

    bundles/objects/<SHA-256>        the images; two releases with one image share it
    bundles/manifests/<name>.json    one a bundle, written last: what has a manifest is whole
    bundles/signatures/<name>.json   one a signed bundle
    bundles/trusted/<name>.pem       the public keys whose signatures are accepted
    bundles/used                     the name of the bundle that is flashed when none is named

Each file is written beside its place, synced and renamed, so a power cut leaves the old state or the new one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from station.atomic_write import INCOMING, write_durably
from station.board.board import Board
from station.bundle import bundle_signature as signature_file
from station.bundle import manifest
from station.bundle.bundle_signature import Signature, signed_bytes
from station.bundle.files import make_folder, open_regular, read_regular
from station.bundle.release_images import NO_CHOICES, Choices, FoundImage, Note, Release, read_release
from station.bundle.stored_signatures import StoredSignatures
from station.bundle.trusted_keys import TrustedKeys
from station.errors import BundleError, BusyError
from station.file_lock import locked
from station.model.bundles import Binding, Bundle, Image

_MANIFEST_ENDING = ".json"
_OBJECT_MODE = 0o444
_FILE_MODE = 0o644
_PREFIX = re.compile(r"[0-9a-f]{6,64}")
_SHORT_DIGITS = 8
_LABEL_LIMIT = 40
_LOCK_TIMEOUT_S = 30.0


def _unheard(_line: str) -> None:
    return


def _now() -> datetime:
    return datetime.now(UTC)


class BundleStore:
    """The bundles under one data folder. Nothing is made there before the first import succeeds."""

    def __init__(
        self,
        data_dir: Path,
        board: Board,
        *,
        now: Callable[[], datetime] = _now,
        lock_timeout_s: float = _LOCK_TIMEOUT_S,
        require_signature: bool = False,
    ) -> None:
        """`require_signature`: a bundle is imported, verified and used only with the signature of a trusted key."""
        self.board = board
        self._folder = data_dir / "bundles"
        self._objects = self._folder / "objects"
        self._manifests = self._folder / "manifests"
        self._used = self._folder / "used"
        self.keys = TrustedKeys(self._folder / "trusted")
        self.signatures = StoredSignatures(self._folder / "signatures", self.keys, required=require_signature)
        self._now = now
        self._lock_timeout_s = lock_timeout_s

    def import_path(
        self, path: Path, name: str | None = None, *, choices: Choices = NO_CHOICES, note: Note = _unheard
    ) -> Bundle:
        """Check a folder or a release archive and keep its images: all, unless `choices` allow fewer.

        The same content again gives the bundle that is there, and repairs its images if they were damaged; with another
        name it becomes a second bundle on the same images. `note` takes a line for what was ignored or is odd. Raises
        BundleError, with a code that says why, and then leaves nothing behind.
        """
        if name is not None:
            _check_name(name)
        release = read_release(self.board, path, note, choices)
        images = tuple(_described(image) for image in release.images)
        signed = _decoded(path, release)
        with self._storing() as undo:
            bundle = self._named(name or (signed.bundle if signed else None), release, images)
            self._take_signature(bundle, signed, release.signature, undo)
            for image, found in zip(images, release.images, strict=True):
                self._keep(image, found.content, undo)
            target = self._manifest_path(bundle.name)
            if not target.exists():
                undo.callback(target.unlink, missing_ok=True)
                write_durably(target, manifest.encode(bundle), _FILE_MODE)
        return bundle

    def list(self) -> tuple[Bundle, ...]:
        """Every bundle with a sound manifest, oldest first; `broken` has the others."""
        return tuple(sorted(self._read_all()[0], key=lambda bundle: (bundle.imported_at, bundle.name)))

    def broken(self) -> tuple[BundleError, ...]:
        """What is wrong with each manifest that cannot be used."""
        return tuple(self._read_all()[1])

    def get(self, name: str) -> Bundle:
        """The bundle of a name, or of the beginning of its SHA-256 (six digits or more) where that fits one release.

        Raises BundleError: `bundle.unknown` with the known names, `bundle.manifest_invalid`.
        """
        if manifest.NAME.fullmatch(name) and os.path.lexists(self._manifest_path(name)):
            return self._read(name)
        known = self.list()
        fitting = [bundle for bundle in known if _PREFIX.fullmatch(name) and bundle.sha256.startswith(name)]
        if len({bundle.sha256 for bundle in fitting}) == 1:
            return fitting[0]
        names = ", ".join(bundle.name for bundle in fitting or known) or "none"
        what = f"{name!r} fits several bundles" if fitting else f"there is no bundle {name!r}"
        raise BundleError("bundle.unknown", f"{what}; known: {names}")

    def sign(self, bundle: Bundle, key: Path, binding: Binding) -> bytes:
        """Sign a bundle with the private key in a file and keep the signature, whose file's bytes are returned."""
        public_key, signature = _signed(key, bundle, binding)
        raw = signature_file.encode(bundle, binding, public_key, signature)
        with self._reporting():
            self.signatures.put(bundle.name, raw)
        return raw

    def sign_release(self, path: Path, name: str | None, key: Path, binding: Binding) -> tuple[Bundle, bytes]:
        """A release on disk as it would be imported, all four images, and the file of a signature for it; nothing is
        kept."""
        release = read_release(self.board, path, _unheard)
        images = tuple(_described(image) for image in release.images)
        sha256 = manifest.bundle_sha256(images)
        called = name or _default_name(release.version, sha256)
        _check_name(called)
        bundle = Bundle(called, sha256, release.version, self._now(), images, release.mixed)
        return bundle, signature_file.encode(bundle, binding, *_signed(key, bundle, binding))

    def verify(self, bundle: Bundle) -> None:
        """Check the signature, as far as one is there or required, and hash every image again.

        BundleError `bundle.corrupt` names the file that is not what was imported; those of `StoredSignatures.check`.
        """
        self.signatures.check(bundle)
        for image in bundle.images:
            if problem := self._damage(image):
                message = f"bundle {bundle.name}: {image.file} ({self.image_path(image)}) {problem}"
                raise BundleError("bundle.corrupt", message)

    def use(self, name: str, needed: Sequence[str] = ()) -> Bundle:
        """Make a bundle the one that is flashed when none is named; its images are verified first.

        BundleError `bundle.incomplete` where it has no image for one of the partitions that are needed.
        """
        bundle = self.get(name)
        check_complete(bundle, needed)
        self.verify(bundle)
        with self._reporting():
            write_durably(self._used, f"{bundle.name}\n".encode("ascii"), _FILE_MODE)
        return bundle

    def used(self) -> str | None:
        """The name of the bundle in use, None where none was chosen; BundleError where the note of it is damaged."""
        try:
            name = read_regular(self._used, manifest.LIMIT_BYTES).decode("ascii").removesuffix("\n")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise BundleError("bundle.manifest_invalid", f"{self._used}: {error}") from None
        if not manifest.NAME.fullmatch(name):
            raise BundleError("bundle.manifest_invalid", f"{self._used} holds no bundle's name")
        return name

    def image_path(self, image: Image) -> Path:
        """Where an image's bytes are."""
        return self._objects / image.sha256

    def _manifest_path(self, name: str) -> Path:
        return self._manifests / f"{name}{_MANIFEST_ENDING}"

    def _read(self, name: str) -> Bundle:
        try:
            raw = read_regular(self._manifest_path(name), manifest.LIMIT_BYTES)
        except OSError as error:
            raise BundleError("bundle.manifest_invalid", f"the manifest of bundle {name}: {error}") from None
        return manifest.decode(self.board, raw, name)

    def _read_all(self) -> tuple[Sequence[Bundle], Sequence[BundleError]]:
        sound, broken = [], []
        try:
            files = sorted(os.listdir(self._manifests))
        except FileNotFoundError:
            files = []
        except OSError as error:
            raise BundleError("bundle.unreadable", f"{self._manifests}: {error.strerror}") from None
        for name in (file.removesuffix(_MANIFEST_ENDING) for file in files if file.endswith(_MANIFEST_ENDING)):
            try:
                sound.append(self._read(name))
            except BundleError as error:
                broken.append(error)
        return sound, broken

    def _named(self, name: str | None, release: Release, images: tuple[Image, ...]) -> Bundle:
        """The bundle that is there for these images, or a new one under a name that is free."""
        sha256 = manifest.bundle_sha256(images)
        same = [bundle for bundle in self.list() if bundle.sha256 == sha256]
        if name is None and same:
            return same[0]
        chosen = name or _default_name(release.version, sha256)
        if os.path.lexists(self._manifest_path(chosen)):
            there = self._read(chosen)
            if there.sha256 == sha256:
                return there
            message = f"the name {chosen} is taken by another release ({there.version}, {there.sha256[:12]})"
            raise BundleError("bundle.name_taken", message)
        return Bundle(chosen, sha256, release.version, self._now(), images, release.mixed)

    def _take_signature(self, bundle: Bundle, given: Signature | None, raw: bytes | None, undo: ExitStack) -> None:
        """Check and keep the signature that came with a release; without one, that which the bundle has may serve."""
        if given is None or raw is None:
            self.signatures.check(bundle)
            return
        self.signatures.check_given(bundle, given)
        path = self.signatures.path(bundle.name)
        if not path.exists():
            make_folder(path.parent, undo)
            undo.callback(path.unlink, missing_ok=True)
        self.signatures.put(bundle.name, raw)

    def _keep(self, image: Image, content: bytes, undo: ExitStack) -> None:
        """Put an image's bytes in place unless they are there already, undamaged."""
        target = self.image_path(image)
        if self._damage(image) is None:
            return
        if not os.path.lexists(target):
            undo.callback(target.unlink, missing_ok=True)
        write_durably(target, content, _OBJECT_MODE)

    def _damage(self, image: Image) -> str | None:
        """What is wrong with an image's file, as the end of a sentence; None where it is what was imported."""
        try:
            with open(open_regular(self.image_path(image)), "rb") as file:
                size_bytes = os.fstat(file.fileno()).st_size
                if size_bytes != image.size_bytes:
                    return f"has {size_bytes} bytes, not {image.size_bytes}"
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            return f"cannot be read: {error.strerror or error}"
        return None if found == image.sha256 else f"has SHA-256 {found}, not {image.sha256}"

    @contextlib.contextmanager
    def _storing(self) -> Iterator[ExitStack]:
        """Write under the store's lock; what was made is removed again unless everything was."""
        with self._reporting(), ExitStack() as undo_folders:
            make_folder(self._objects, undo_folders)
            make_folder(self._manifests, undo_folders)
            with locked(self._folder, self._lock_timeout_s), ExitStack() as undo:
                self._sweep()
                yield undo
                undo.pop_all()
                undo_folders.pop_all()

    @contextlib.contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise BusyError("station.busy", str(error)) from None
        except OSError as error:
            raise BundleError("bundle.not_stored", f"{self._folder}: {error.strerror or error}") from None

    def _sweep(self) -> None:
        """Remove what an import left that was killed: half files, and images that no manifest names."""
        sound, broken = self._read_all()
        named = {image.sha256 for bundle in sound for image in bundle.images}
        for folder in (self._folder, self._objects, self._manifests, self.signatures.folder):
            for path in folder.iterdir() if folder.is_dir() else ():
                orphan = folder == self._objects and path.name not in named and not broken
                if path.name.startswith(INCOMING) or orphan:
                    path.unlink()


def _check_name(name: str) -> None:
    if not manifest.NAME.fullmatch(name):
        message = f"{name!r} cannot be a bundle's name: use 1 to 64 letters, digits, '.', '_' and '-'"
        raise BundleError("bundle.name_invalid", message)


def check_complete(bundle: Bundle, needed: Sequence[str]) -> None:
    """BundleError `bundle.incomplete` where a bundle has no image for one of these partitions."""
    if missing := bundle.missing(needed):
        raise BundleError("bundle.incomplete", f"bundle {bundle.name} has no image for {', '.join(missing)}")


def _decoded(path: Path, release: Release) -> Signature | None:
    """The signature that a release carries; BundleError `bundle.signature_invalid`."""
    raw = release.signature
    return None if raw is None else signature_file.decode(raw, f"{path}: {signature_file.FILE}")


def _signed(key: Path, bundle: Bundle, binding: Binding) -> tuple[bytes, bytes]:
    from station.bundle.signing_keys import sign

    return sign(key, signed_bytes(bundle, binding))


def _described(image: FoundImage) -> Image:
    digest = hashlib.sha256(image.content).hexdigest()
    return Image(image.partition.name, image.partition.alt, image.file, len(image.content), digest)


def _default_name(version: str, sha256: str) -> str:
    """The OpenMV part of the label, made safe, and the fingerprint's beginning, as two builds may share a label."""
    openmv = version.partition(";")[0].removeprefix("OpenMV ")
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", openmv)[:_LABEL_LIMIT].strip("-._") or "unnamed"
    return f"{safe}-{sha256[:_SHORT_DIGITS]}"
