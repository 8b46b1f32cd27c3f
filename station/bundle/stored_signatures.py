"""The signatures of a station's bundles, beside their manifests, and whether each bundle may be flashed.

1. A signature that is there must fit, whether one is required or not: what was tampered with in one place is trusted
   in none.
2. Where signatures are required, a bundle needs one, by a key that is trusted now: a key that is removed takes its
   bundles with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from station.atomic_write import write_durably
from station.bundle import bundle_signature as file_form
from station.bundle.bundle_signature import Signature, refuse_unfitting, signed_bytes
from station.bundle.files import read_regular
from station.bundle.trusted_keys import TrustedKeys
from station.errors import BundleError
from station.file_problems import reason
from station.model.bundles import ANYWHERE, Binding, Bundle

_ENDING = ".json"
_FILE_MODE = 0o644


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed a bundle, and for what. `name` is the trusted key's, None where it is not trusted."""

    name: str | None
    fingerprint: str
    binding: Binding

    def to_json(self) -> dict[str, Any]:
        """As `bundle show --json` prints it."""
        return {
            "signed_by": self.name,
            "key": self.fingerprint,
            "trusted": self.name is not None,
            "part_numbers": list(self.binding.part_numbers),
            "batches": list(self.binding.batches),
        }


class StoredSignatures:
    """One file a signed bundle."""

    def __init__(self, folder: Path, keys: TrustedKeys, *, required: bool) -> None:
        self.folder = folder
        self._keys = keys
        self._required = required

    def path(self, name: str) -> Path:
        """Where a bundle's signature is, if it has one."""
        return self.folder / f"{name}{_ENDING}"

    def of(self, bundle: Bundle) -> Signature | None:
        """The bundle's signature, not checked; BundleError `bundle.signature_invalid` for a damaged file."""
        path = self.path(bundle.name)
        try:
            raw = read_regular(path, file_form.LIMIT_BYTES)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BundleError("bundle.signature_invalid", f"the signature {path}: {reason(error)}") from None
        return file_form.decode(raw, f"the signature {path}")

    def put(self, name: str, raw: bytes) -> None:
        """Keep the file of a signature; OSError where that fails."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_durably(self.path(name), raw, _FILE_MODE)

    def check(self, bundle: Bundle) -> Signer | None:
        """Who signed the bundle; BundleError where it must not be flashed."""
        return self.check_given(bundle, self.of(bundle))

    def check_given(self, bundle: Bundle, signature: Signature | None) -> Signer | None:
        """The same for a signature that is not kept yet.

        `bundle.not_signed` and `bundle.key_not_trusted` only where signatures are required; `bundle.signature_wrong`
        and `bundle.signature_of_another` always.
        """
        if signature is None:
            if self._required:
                raise BundleError("bundle.not_signed", f"bundle {bundle.name} is not signed")
            return None
        signer = self._signer(bundle, signature)
        if signer.name is None and self._required:
            message = f"bundle {bundle.name} is signed with the key {signer.fingerprint}, which is not trusted here"
            raise BundleError("bundle.key_not_trusted", message)
        return signer

    def look(self, bundle: Bundle) -> Signer | None:
        """Who signed the bundle, whether that is enough or not; BundleError for a signature that does not fit."""
        signature = self.of(bundle)
        return None if signature is None else self._signer(bundle, signature)

    def look_at(self, bundle: Bundle, raw: bytes) -> Signer:
        """The same for the file of a signature that is not kept here."""
        return self._signer(bundle, file_form.decode(raw, "the signature"))

    def binding(self, bundle: Bundle) -> Binding:
        """The part numbers and batches that the bundle is for; any where it is not signed."""
        signer = self.check(bundle)
        return signer.binding if signer else ANYWHERE

    def _signer(self, bundle: Bundle, signature: Signature) -> Signer:
        from station.bundle.signing_keys import fingerprint, is_signed

        refuse_unfitting(bundle, signature)
        if not is_signed(signature.public_key, signature.signature, signed_bytes(bundle, signature.binding)):
            raise BundleError("bundle.signature_wrong", f"bundle {bundle.name}: its signature does not fit it")
        return Signer(self._keys.name_of(signature.public_key), fingerprint(signature.public_key), signature.binding)
