"""Whatever stands in a configuration, it is read, or refused in one line that names the file."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from station.errors import SettingsError
from station.settings import load_settings
from tests.fuzz.mutations import broken_bytes, fuzzed, refusal

SHIPPED = Path("config/station.toml").read_bytes()
SHORT = b"\n".join(line for line in SHIPPED.splitlines() if line and not line.startswith(b"#"))
words = st.sampled_from([*SHORT.replace(b"=", b" = ").split(), b"\n", b"[", b"]", b"=", b'"', b"1e999", b"nan", b"-1"])


@fuzzed
@given(broken_bytes(SHORT) | st.lists(words, max_size=12).map(b" ".join) | st.binary(max_size=60))
def test_any_file(raw: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".toml") as file:
        file.write(raw)
        file.flush()
        error = refusal(lambda: load_settings(Path(file.name)), SettingsError)
    if isinstance(error, SettingsError):
        assert file.name in error.message
        assert "\n" not in error.message
