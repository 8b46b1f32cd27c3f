"""A bundle's signature: what is signed, byte for byte, and the file that carries it. No cryptography is done here.

1. Signed is `signed_bytes`: a fixed first line, so that the signature of no other kind of document passes for one of
   these, and the release's facts as JSON in one spelling only (sorted keys, no blanks, ASCII).
2. Those facts are what reaches a camera and what it is called: name, version, `mixed`, of each image partition, alt,
   size and SHA-256, and the part numbers and batches that it is for. When and from which file it was imported is not
   among them: that is the station's own business.
3. The file lies beside a release's images as `bundle-signature.json`, and in a station beside the manifest. It repeats
   the facts, so that it can be said what does not fit; what counts is the signature over the bundle's own.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any

from station.bundle import manifest
from station.errors import BundleError
from station.file_problems import reason
from station.model.bundles import ANYWHERE, Binding, Bundle, Image

FILE = "bundle-signature.json"
LIMIT_BYTES = 64 << 10
FORMAT = 1
KEY_BYTES = 32
SIGNATURE_BYTES = 64

_FIRST_LINE = b"openmv-ae3-station bundle signature 1\n"
_KEYS = {"format", "bundle", "version", "mixed", "images", "part_numbers", "batches", "public_key", "signature"}
_ENTRIES_LIMIT = 100
_WORD = re.compile(r"[^\x00-\x1f\x7f]{1,80}")


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature: the facts that the file names, whom the bundle is for, and the key that made it.

    `public_key` are the 32 raw bytes of an Ed25519 key; whether it is trusted is not its own to say.
    """

    facts: dict[str, Any]
    binding: Binding
    public_key: bytes
    signature: bytes

    @property
    def bundle(self) -> str:
        """The name of the bundle that it says it is of."""
        return str(self.facts["bundle"])


def facts_of(bundle: Bundle) -> dict[str, Any]:
    """What a signature covers of a bundle, without the binding."""
    images = sorted(bundle.images, key=lambda each: (each.alt, each.partition))
    return {
        "bundle": bundle.name,
        "version": bundle.version,
        "mixed": bundle.mixed,
        "images": [_image_facts(image) for image in images],
    }


def _image_facts(image: Image) -> dict[str, Any]:
    return {
        "partition": image.partition,
        "alt": image.alt,
        "size_bytes": image.size_bytes,
        "sha256": image.sha256,
    }


def signed_bytes(bundle: Bundle, binding: Binding = ANYWHERE) -> bytes:
    """The canonical form: the same for bundles that are the same for a camera, another one for any that differ."""
    table = {**facts_of(bundle), **_binding_facts(binding)}
    return _FIRST_LINE + json.dumps(table, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def _binding_facts(binding: Binding) -> dict[str, list[str]]:
    return {"part_numbers": sorted(set(binding.part_numbers)), "batches": sorted(set(binding.batches))}


def encode(bundle: Bundle, binding: Binding, public_key: bytes, signature: bytes) -> bytes:
    """The file of a signature."""
    table = {
        "format": FORMAT,
        **facts_of(bundle),
        **_binding_facts(binding),
        "public_key": base64.b64encode(public_key).decode("ascii"),
        "signature": base64.b64encode(signature).decode("ascii"),
    }
    return json.dumps(table, indent=2).encode("utf-8") + b"\n"


def decode(raw: bytes, where: str) -> Signature:
    """The signature in a file; BundleError `bundle.signature_invalid` for one that is cut off, damaged or none."""
    try:
        if len(raw) > LIMIT_BYTES:
            raise ValueError("it is too long")
        return _signature(json.loads(raw, object_pairs_hook=manifest.distinct))
    except (ValueError, RecursionError) as error:  # JSON and UTF-8 errors are ValueErrors
        raise BundleError(
            "bundle.signature_invalid", f"{where} is no signature, or a damaged one: {reason(error)}"
        ) from None


def _signature(found: object) -> Signature:
    if not isinstance(found, dict) or found.keys() != _KEYS:
        raise ValueError(f"not a table of {', '.join(sorted(_KEYS))}")
    if found["format"] != FORMAT or isinstance(found["format"], bool):
        raise ValueError(f"format {found['format']!r} is not known, only {FORMAT}")
    if not isinstance(found["bundle"], str) or not manifest.NAME.fullmatch(found["bundle"]):
        raise ValueError("bundle: not a bundle's name")
    if not isinstance(found["images"], list) or not isinstance(found["version"], str):
        raise ValueError("images is no list, or version no text")
    binding = Binding(_words(found, "part_numbers"), _words(found, "batches"))
    facts = {key: found[key] for key in ("bundle", "version", "mixed", "images")}
    return Signature(facts, binding, _raw(found, "public_key", KEY_BYTES), _raw(found, "signature", SIGNATURE_BYTES))


def _words(table: dict[str, Any], key: str) -> tuple[str, ...]:
    words = table[key]
    if not isinstance(words, list) or len(words) > _ENTRIES_LIMIT:
        raise ValueError(f"{key}: not a list of at most {_ENTRIES_LIMIT}")
    if not all(isinstance(word, str) and _WORD.fullmatch(word) for word in words):
        raise ValueError(f"{key}: not all are texts of 1 to 80 characters")
    return tuple(words)


def _raw(table: dict[str, Any], key: str, size_bytes: int) -> bytes:
    try:
        raw = base64.b64decode(table[key], validate=True) if isinstance(table[key], str) else b""
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != size_bytes:
        raise ValueError(f"{key}: not {size_bytes} bytes in base64")
    return raw


def refuse_unfitting(bundle: Bundle, signature: Signature) -> None:
    """BundleError where the file's own words are about something else.

    `bundle.signature_of_another` for another bundle, `bundle.signature_wrong` for this one, changed since.
    """
    own, signed = facts_of(bundle), signature.facts
    if signed["bundle"] != own["bundle"]:
        message = f"bundle {bundle.name}: its signature is that of bundle {signed['bundle']}"
        raise BundleError("bundle.signature_of_another", message)
    theirs = signed["images"]
    changed = [image["partition"] for image in own["images"] if image not in theirs]
    if len(changed) == len(own["images"]):
        message = f"bundle {bundle.name}: its signature is that of another release: no image is one that was signed"
        raise BundleError("bundle.signature_of_another", message)
    if changed:
        raise BundleError(
            "bundle.signature_wrong", f"bundle {bundle.name}: not what was signed: {', '.join(changed)} changed since"
        )
    if own != signed:
        raise BundleError(
            "bundle.signature_wrong", f"bundle {bundle.name}: not what was signed: version or images differ"
        )
