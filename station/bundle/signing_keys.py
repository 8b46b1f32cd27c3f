"""Ed25519 keys in PEM files; the only user of the library cryptography, which is loaded where a key is used."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from station.bundle.files import NotRegularError, read_regular
from station.errors import BundleError, UsageError
from station.file_problems import reason

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

LIMIT_BYTES = 16 << 10
PUBLIC_ENDING = ".pub"
_PRIVATE_MODE = 0o600
_PUBLIC_MODE = 0o644
_SHOWN_DIGITS = 16


def fingerprint(public_key: bytes) -> str:
    """A key's name for people: the beginning of the SHA-256 of its raw bytes."""
    return hashlib.sha256(public_key).hexdigest()[:_SHOWN_DIGITS]


def new_pair(path: Path) -> Path:
    """Make a private key in a file that only its owner may read, and its public key beside it, whose path is returned.

    UsageError `usage.file_exists` where one of them is there already, `usage.output` where they cannot be written.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.generate()
    public = path.with_name(path.name + PUBLIC_ENDING)
    if os.path.lexists(public):
        raise UsageError("usage.file_exists", f"there is a file {public} already")
    _write_new(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), _PRIVATE_MODE)
    _write_new(public, public_pem(key.public_key().public_bytes_raw()), _PUBLIC_MODE)
    return public


def public_pem(public_key: bytes) -> bytes:
    """A public key as PEM (SubjectPublicKeyInfo, as `openssl pkey -pubout` writes it)."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return Ed25519PublicKey.from_public_bytes(public_key).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def read_public(path: Path) -> bytes:
    """The raw public key in a PEM file; BundleError `bundle.key_invalid` for anything else."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    raw = _read(path)
    if b"PRIVATE KEY" in raw:
        raise BundleError("bundle.key_invalid", f"{path} is a private key: give the public one beside it")
    try:
        key = load_pem_public_key(raw)
    except (ValueError, UnsupportedAlgorithm):
        raise BundleError("bundle.key_invalid", f"{path} is no public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise BundleError("bundle.key_invalid", f"{path} is a key of another kind: Ed25519 is needed")
    return key.public_bytes_raw()


def sign(path: Path, signed: bytes) -> tuple[bytes, bytes]:
    """The public key of a private key's file, and its signature; BundleError `bundle.key_invalid`."""
    key = _private(path)
    return key.public_key().public_bytes_raw(), key.sign(signed)


def is_signed(public_key: bytes, signature: bytes, signed: bytes) -> bool:
    """Whether the signature is this key's, over these bytes."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def _private(path: Path) -> Ed25519PrivateKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(_read(path), password=None)
    except TypeError:
        raise BundleError("bundle.key_invalid", f"{path} is locked with a password: give one without") from None
    except (ValueError, UnsupportedAlgorithm):
        raise BundleError("bundle.key_invalid", f"{path} is no private key in PEM") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise BundleError("bundle.key_invalid", f"{path} is a key of another kind: Ed25519 is needed")
    return key


def _read(path: Path) -> bytes:
    try:
        raw = read_regular(path.resolve(), LIMIT_BYTES)
    except NotRegularError:
        raise BundleError("bundle.key_invalid", f"{path} is not a file") from None
    except OSError as error:
        raise BundleError("bundle.key_invalid", f"{path}: {reason(error)}") from None
    if len(raw) > LIMIT_BYTES:
        raise BundleError("bundle.key_invalid", f"{path} is too long for a key")
    return raw


def _write_new(path: Path, content: bytes, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except FileExistsError:
        raise UsageError("usage.file_exists", f"there is a file {path} already") from None
    except OSError as error:
        raise UsageError("usage.output", f"cannot write {path}: {reason(error)}") from None
    with open(descriptor, "wb") as file:
        file.write(content)
