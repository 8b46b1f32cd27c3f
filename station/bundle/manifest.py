"""A bundle's manifest: JSON beside the images, believed only as far as it can be checked."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from station.board.board import Board
from station.board.partition import Partition
from station.errors import BundleError
from station.file_problems import reason
from station.model.bundles import Bundle, Image

FORMAT = 2
"""Format 1, of earlier versions, has no `mixed` and always four images."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What a bundle may be called: safe as a file name, in a shell and in a URL."""
LIMIT_BYTES = 64 << 10

_FORMAT_KEY = "format"
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_VERSION_LIMIT = 200
_KEYS = {_FORMAT_KEY, "bundle", "bundle_sha256", "version", "imported_at", "images"}
_KEYS_OF_FORMAT = {1: _KEYS, FORMAT: _KEYS | {"mixed"}}
_IMAGE_KEYS = {"partition", "alt", "file", "size_bytes", "sha256"}


def bundle_sha256(images: Iterable[Image]) -> str:
    """The fingerprint of a release: SHA-256 over one line "partition size sha256" for each image, in order of alt."""
    lines = [
        f"{image.partition} {image.size_bytes} {image.sha256}\n" for image in sorted(images, key=lambda each: each.alt)
    ]
    return hashlib.sha256("".join(lines).encode("ascii")).hexdigest()


def encode(bundle: Bundle) -> bytes:
    """The manifest of a bundle."""
    return json.dumps({_FORMAT_KEY: FORMAT, **bundle.to_json()}, indent=2).encode("utf-8") + b"\n"


def decode(board: Board, raw: bytes, name: str) -> Bundle:
    """The bundle of a manifest that is filed under `name`; BundleError `bundle.manifest_invalid` for any doubt."""
    try:
        if len(raw) > LIMIT_BYTES:
            raise ValueError("it is too long")
        return _bundle(board, json.loads(raw, object_pairs_hook=distinct), name)
    except (ValueError, RecursionError) as error:  # JSON and UTF-8 errors are ValueErrors
        raise BundleError("bundle.manifest_invalid", f"the manifest of bundle {name}: {reason(error)}") from None


def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose keys stand there once each; ValueError."""
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a key stands there twice")
    return table


def _bundle(board: Board, found: object, name: str) -> Bundle:
    format_ = found.get(_FORMAT_KEY) if isinstance(found, dict) else None
    table = _table(found, _KEYS_OF_FORMAT.get(format_, _KEYS) if isinstance(format_, int) else _KEYS)
    if _whole(table, _FORMAT_KEY) not in _KEYS_OF_FORMAT:
        raise ValueError(f"format {table[_FORMAT_KEY]} is not known, only {FORMAT} and earlier")
    if _text(table, "bundle", NAME) != name:
        raise ValueError("it names another bundle")
    images = _images(board, table["images"], complete=format_ == 1)
    if _text(table, "bundle_sha256", _SHA256) != bundle_sha256(images):
        raise ValueError("bundle_sha256 does not fit the images")
    mixed = _mixed(board, table, images)
    return Bundle(name, table["bundle_sha256"], _version(table), _time(table), images, mixed)


def _images(board: Board, entries: object, *, complete: bool) -> tuple[Image, ...]:
    """Images of some partitions or of all, each once, in the order in which they are written."""
    if not isinstance(entries, list) or not 1 <= len(entries) <= len(board.images):
        raise ValueError(f"images: not a list of 1 to {len(board.images)}")
    there = [entry.get("partition") for entry in entries if isinstance(entry, dict)]
    expected = [each for each in board.images if complete or each.name in there]
    if len(entries) != len(expected):
        raise ValueError("images: one is missing, unknown or there twice")
    return tuple(_image(entry, partition) for entry, partition in zip(entries, expected, strict=True))


def _mixed(board: Board, table: dict[str, Any], images: tuple[Image, ...]) -> bool:
    mixed = table.get("mixed", False)
    if not isinstance(mixed, bool):
        raise ValueError("mixed: neither true nor false")
    if mixed and not {core.name for core in board.cores} <= {image.partition for image in images}:
        raise ValueError("mixed: there are no images of both cores")
    return mixed


def _image(found: object, partition: Partition) -> Image:
    table = _table(found, _IMAGE_KEYS)
    if table["partition"] != partition.name or _whole(table, "alt") != partition.alt:
        raise ValueError(f"images: expected {partition.name} with alt {partition.alt} in its place")
    size_bytes = _whole(table, "size_bytes")
    if not 1 <= size_bytes <= partition.size_bytes:
        raise ValueError(f"{partition.name}: size_bytes {size_bytes} is not within 1 and {partition.size_bytes}")
    return Image(
        partition.name, partition.alt, _text(table, "file", _FILE), size_bytes, _text(table, "sha256", _SHA256)
    )


def _version(table: dict[str, Any]) -> str:
    version = table["version"]
    if not isinstance(version, str) or not version.isprintable() or not 1 <= len(version) <= _VERSION_LIMIT:
        raise ValueError("version: not a label")
    return version


def _time(table: dict[str, Any]) -> datetime:
    if not isinstance(table["imported_at"], str):
        raise ValueError("imported_at: not a time")
    imported_at = datetime.fromisoformat(table["imported_at"])
    if imported_at.tzinfo is None:
        raise ValueError("imported_at: no offset from UTC")
    return imported_at


def _table(found: object, keys: set[str]) -> dict[str, Any]:
    if not isinstance(found, dict) or found.keys() != keys:
        raise ValueError(f"not a table of {', '.join(sorted(keys))}")
    return found


def _text(table: dict[str, Any], key: str, pattern: re.Pattern[str]) -> str:
    value = table[key]
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError(f"{key}: not of the allowed form")
    return value


def _whole(table: dict[str, Any], key: str) -> int:
    value = table[key]
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{key}: not a whole number")
    return value
