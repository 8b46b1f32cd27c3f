from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pydantic
import pytest

from station.errors import HINTS, SettingsError, UsageError
from station.model.recipes import Step, StepKind
from station.model.runs import RunOptions
from station.model.slots import Slot
from station.settings import BUILT_IN_RECIPES, RunSection, Settings, load_settings

SHIPPED = Path(__file__).parents[2] / "config/station.toml"


@pytest.fixture(autouse=True)
def _quiet_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file or variable of this machine takes part."""
    for name in list(os.environ):
        if name.startswith(("STATION_", "XDG_")):
            monkeypatch.delenv(name)
    (tmp_path / "here").mkdir()
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "station.toml"


def refusal(file: Path, text: str = "") -> str:
    """The message for a file with this text."""
    if text:
        file.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(file)
    assert caught.value.code == "settings.invalid"
    assert caught.value.exit_code == 2
    return one_line(caught.value)


def one_line(error: SettingsError) -> str:
    message = str(error)
    assert message.isprintable(), message
    assert HINTS[error.code]
    return message


def refused_here(**arguments: Any) -> str:
    """The message for what stands in the environment or on the command line."""
    with pytest.raises(SettingsError) as caught:
        load_settings(**arguments)
    assert caught.value.code == "settings.invalid"
    return one_line(caught.value)


# ---- defaults


def test_without_a_configuration_everything_has_its_default(tmp_path: Path) -> None:
    settings = load_settings()
    assert settings.run_options == RunOptions()
    assert settings.data_dir == tmp_path / "home/.local/share/openmv-ae3-station"
    assert settings.station_id == os.uname().nodename
    assert settings.slot_map.slot_at("3-1") == Slot("3-1", "3-1")
    assert (settings.run.batch, settings.run.operator, settings.run.bundle) == (None, None, None)
    assert settings.run.recipe == "full"
    assert settings.line.errors_in_a_row == 5


def test_the_shipped_file_says_every_default() -> None:
    assert load_settings(SHIPPED) == load_settings().model_copy(
        update={"recipes": {name: list(steps) for name, steps in BUILT_IN_RECIPES.items()}}
    )
    document = tomllib.loads(SHIPPED.read_text())
    assert document.keys() == Settings.model_fields.keys()
    for name in ("station", "run", "line"):
        section = type(getattr(Settings(), name))
        assert document[name].keys() == section.model_fields.keys()


def test_the_examples_in_the_shipped_file_load(file: Path) -> None:
    text, examples = re.subn(r'^# (A\d = ".*")$', r"\1", SHIPPED.read_text(), flags=re.MULTILINE)
    assert examples == 2
    file.write_text(text)
    assert load_settings(file).slot_map.slot_at("1-1.4.2") == Slot("A2", "1-1.4.2")


def test_run_options_are_all_settings() -> None:
    assert {field.name for field in fields(RunOptions)} < RunSection.model_fields.keys()
    for field in fields(RunOptions):
        assert RunSection.model_fields[field.name].default == field.default


def test_xdg_data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    assert load_settings().data_dir == tmp_path / "xdg/openmv-ae3-station"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")  # to be ignored, by its specification
    assert load_settings().data_dir == tmp_path / "home/.local/share/openmv-ae3-station"


def test_settings_are_frozen() -> None:
    settings = load_settings()
    with pytest.raises(pydantic.ValidationError):
        settings.run = RunSection()
    with pytest.raises(pydantic.ValidationError):
        settings.run.verify = False


# ---- recipes


def test_the_built_in_recipes() -> None:
    write = {name: Step(StepKind.WRITE, name) for name in ("HP", "HE", "ROMFS1", "ROMFS0")}
    mram, erase = Step(StepKind.INITIALIZE_MRAM), Step(StepKind.ERASE_FILESYSTEM)
    names = ("version", "sensor", "picture", "files", "he", "stays")
    tests = tuple(Step(StepKind.TEST, test=name) for name in names)
    settings = Settings()
    assert {name: settings.recipe(name).steps for name in settings.recipe_names} == {
        "full": (*write.values(), *tests),
        "hp": (write["HP"],),
        "he": (write["HE"],),
        "romfs0": (write["ROMFS0"],),
        "romfs1": (write["ROMFS1"],),
        "mram-init": (mram, write["ROMFS0"]),
        "full-mram": (mram, *write.values(), *tests),
        "erase-filesystem": (erase,),
    }
    assert settings.recipe("full").name == "full"


def test_of_the_tests_of_a_full_run_only_version_and_sensor_are_made_and_they_decide_nothing() -> None:
    tests = Settings().functional_tests
    modes = {name: tests.mode(name) for name in Settings().recipe("full").tests}
    assert modes == dict.fromkeys(modes, "off") | {"version": "note", "sensor": "note"}
    assert tests.sensor_ids == (0x7936,)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('recipes.mine = ["test-version", "HP"]', "'test-version' asks the application, so it must stand behind 'HP'"),
        ('test.sensor = "on"', '"off", "note" or "required"'),
        ("test.sensor_ids = [0]", "whole numbers"),
        ("test.brightness_low = 200\ntest.brightness_high = 100", "brightness_high"),
    ],
)
def test_a_test_that_cannot_be_is_refused(file: Path, text: str, said: str) -> None:
    file.write_text(text + "\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(file)
    assert said in str(caught.value)


def test_a_file_adds_and_overrides_recipes(file: Path) -> None:
    file.write_text('run.recipe = "mine"\n[recipes]\nmine = ["HE", "erase-filesystem"]\nfull = ["HP", "HE"]\n')
    settings = load_settings(file)
    assert settings.recipe("full").partitions == ("HP", "HE")
    assert settings.recipe("mine").steps == (Step(StepKind.WRITE, "HE"), Step(StepKind.ERASE_FILESYSTEM))
    assert settings.recipe("hp").partitions == ("HP",)


def test_an_unknown_recipe_names_the_known() -> None:
    with pytest.raises(UsageError, match=r'did you mean "full-mram"\?.*known: full, hp, .*erase-filesystem$') as caught:
        load_settings().recipe("ful-mram")
    assert (caught.value.code, caught.value.exit_code) == ("usage.unknown_recipe", 2)
    assert HINTS[caught.value.code]


# ---- what is refused in a file

REFUSED = {
    "unknown table": (
        "[rum]\nverify = true",
        'rum: unknown key, did you mean "run"?; '
        "allowed: station, run, test, line, recovery, bundles, verification, central, dashboard, roles, web, scanner, "
        "slots, product_serial, unit_values, ask, outbox, stack_light, metrics, controllers, recipes",
    ),
    "unknown key": (
        "[run]\nverfy = true",
        'run.verfy: unknown key, did you mean "verify"?; allowed: verify, confirm_boot, mram, already_passed, write, '
        "max_attempts, attempt_limit_s, boot_timeout_s, boot_stays_s, return_window_s, max_runs, unidentified, "
        "application, bootloader_timeout_s, serial_forms, purpose, batch, operator, part_number, hardware_revision, "
        "recipe, bundle",
    ),
    "unlike any key": (
        "[line]\nxyz = 1",
        "line.xyz: unknown key; allowed: errors_in_a_row, same_failures_in_a_row, "
        "slot_failures_in_a_row, workers_spare, power_cycle",
    ),
    "key outside a table": (
        "verify = true",
        "verify: unknown key; allowed: station, run, test, line, recovery, bundles, verification, central, dashboard, "
        "roles, web, scanner, slots, product_serial, unit_values, ask, outbox, stack_light, metrics, controllers, "
        "recipes",
    ),
    "a power cycle of no port": (
        'line.power_cycle = "uhubctl -a cycle"',
        'line.power_cycle: found "uhubctl -a cycle"; the command must name the port: {hub} and {port}, or {port_path}',
    ),
    "a power cycle of any hub": ('line.power_cycle = "uhubctl -p {port}"', "the command must name the port"),
    "a power cycle of something else": (
        'line.power_cycle = "uhubctl -l {hub} -p {port} {level}"',
        "only {hub}, {port} and {port_path} may stand in braces",
    ),
    "a power cycle that goes on": (
        'line.power_cycle = "cycle \'{port_path}"',
        "a quotation mark or a backslash is left open",
    ),
    "an application that is flashed": (
        'run.application = "flash"',
        'run.application: found "flash"; allowed: "leave" or "take"',
    ),
    "table as a number": ("run = 3", "run: found 3; allowed: a table"),
    "slots as a list": ("slots = []", 'slots: found []; allowed: a table of NAME = "port path"'),
    "text for truth": ('run.verify = "yes"', 'run.verify: found "yes"; allowed: true or false'),
    "number for truth": ("run.verify = 1", "run.verify: found 1; allowed: true or false"),
    "unknown word": (
        'run.confirm_boot = "maybe"',
        'run.confirm_boot: found "maybe"; allowed: "required", "optional" or "off"',
    ),
    "truth for a word": ("run.mram = true", 'run.mram: found true; allowed: "auto", "always" or "never"'),
    "text for a number": (
        'run.max_attempts = "2"',
        'run.max_attempts: found "2"; allowed: a whole number from 1 to 20',
    ),
    "fraction": ("run.max_attempts = 1.5", "run.max_attempts: found 1.5; allowed: a whole number from 1 to 20"),
    "truth for a number": ("run.max_attempts = true", "run.max_attempts: found true; allowed: a whole number from 1"),
    "no attempts": ("run.max_attempts = 0", "run.max_attempts: found 0; allowed: a whole number from 1 to 20"),
    "no time": ("run.boot_timeout_s = 0", "run.boot_timeout_s: found 0; allowed: seconds, more than 0 and at most"),
    "negative time": ("run.return_window_s = -1.0", "run.return_window_s: found -1.0; allowed: seconds, more than 0"),
    "endless time": ("run.boot_timeout_s = inf", "run.boot_timeout_s: found Infinity; allowed: seconds, more than 0"),
    "no number": ("run.boot_timeout_s = nan", "run.boot_timeout_s: found NaN; allowed: seconds, more than 0"),
    "negative count": ("line.errors_in_a_row = -1", "line.errors_in_a_row: found -1; allowed: a whole number from 0"),
    "date": ("run.batch = 2026-11-22", 'run.batch: found "2026-11-22"; allowed: text of at most 80 characters'),
    "a batch that could not be ended": (f'run.batch = "{"x" * 81}"', "allowed: text of at most 80 characters"),
    "an operator with a long name": (f'run.operator = "{"x" * 81}"', "allowed: text of at most 80 characters"),
    "screen codes": ('run.operator = "\\u001b[2J"', 'run.operator: found "\\u001b[2J"; has a blank'),
    "two lines": ('run.batch = "a\\nb"', "run.batch: found"),
    "blank at an end": ('run.batch = "a "', 'run.batch: found "a "; has a blank at an end'),
    "long text": (f'station.id = "{"x" * 65}"', "station.id: found"),
    "relative folder": (
        'station.data_dir = "data"',
        'station.data_dir: found "data"; a folder in the configuration is',
    ),
    "folder as a number": ("station.data_dir = 3", "station.data_dir: found 3; allowed: a folder, as text"),
    "unknown recipe": (
        'run.recipe = "ful"',
        'run.recipe: found "ful", did you mean "full"?; allowed: full, hp, he, romfs0, romfs1, mram-init, full-mram, ',
    ),
    "unknown step": (
        '[recipes]\nx = ["HP", "H E"]',
        'recipes.x: found ["HP", "H E"]; unknown step "H E", did you mean "HE"?; allowed: HP, HE, ROMFS1, ROMFS0, '
        "init-mram, erase-filesystem",
    ),
    "bootloader as a step": ('[recipes]\nx = ["BOOT"]', 'recipes.x: found ["BOOT"]; unknown step "BOOT"'),
    "no step": ("[recipes]\nx = []", "recipes.x: found []; a recipe has at least one step"),
    "one step as text": ('[recipes]\nx = "HP"', 'recipes.x: found "HP"; allowed: a list of steps: HP, HE'),
    "step as a number": ("[recipes]\nx = [1]", "recipes.x.0: found 1; allowed: a list of steps: HP, HE"),
    "step twice": ('[recipes]\nx = ["HP", "HP"]', 'step "HP" stands there more than once'),
    "filesystem erased twice": (
        '[recipes]\nx = ["erase-filesystem", "init-mram"]',
        "must stand before 'erase-filesystem'",
    ),
    "erased after it was written": ('[recipes]\nx = ["ROMFS0", "init-mram"]', "must stand before 'ROMFS0'"),
    "recipe's name": ('[recipes]\n"a b" = ["HP"]', "recipes.a b: found"),
    "no port path": ('slots.A1 = "1:1"', 'slots.A1: found "1:1"; a port path is the bus'),
    "bus only": ('slots.A1 = "1"', 'slots.A1: found "1"; a port path is the bus'),
    "port path that goes on": ('slots.A1 = "1-1.4\\n"', "slots.A1: found"),
    "port path with other digits": ('slots.A1 = "1-\u0664"', "slots.A1: found"),
    "port as a number": ("slots.A1 = 1", 'slots.A1: found 1; allowed: a port path, for example "1-1.4.2"'),
    "two slots on one port": ('[slots]\nA1 = "1-1"\nA2 = "1-1"', '"A1" and "A2" are on one port, 1-1'),
    "slots that look the same": ('[slots]\nA1 = "1-1"\na1 = "1-2"', '"A1" and "a1" differ by letter case only'),
    "slot that looks like a port": ('[slots]\n"1-2" = "1-1"', "slots.1-2: found"),
    "slot without a name": ('[slots]\n"" = "1-1"', "a slot's name has 1 to 24 characters"),
}


@pytest.mark.parametrize(
    "url", ["mysql://station:hush@db/central", "postgresql://station:hush@db", "postgresql://station:hush@db/a b"]
)
def test_a_central_url_that_is_none_is_refused_without_its_password(file: Path, url: str) -> None:
    message = refusal(file, f'[central]\nurl = "{url}"')
    assert "central.url: found a secret; a central database is" in message
    assert "hush" not in message


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_a_wrong_key_type_or_value(file: Path, text: str, said: str) -> None:
    message = refusal(file, text)
    assert message.startswith(f"{file}: ")
    assert said in message


def test_more_than_one_mistake_is_counted(file: Path) -> None:
    assert refusal(file, "[run]\nverify = 1\nmram = 2\nwrite = 3").endswith("(and 2 more)")


def test_a_found_value_is_cropped(file: Path) -> None:
    message = refusal(file, f'run.mram = "{"x" * 5000}"')
    assert len(message) < 300 + len(str(file))


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        (b"[run]\nverify = maybe", "line 2"),
        (b"[run\n", "line 1"),
        (b"[run]\nverify = true\nverify = false\n", "line 3"),
        (b"[slots]\n\nA1 = 1-1\n", "line 3"),
        (b'[run]\nbatch = "\xff"\n', "line 2: not UTF-8"),
        (b"x = " + b"[" * 5000, "not TOML"),
        (b"x = " + b"1" * 5000, "not TOML"),
    ],
)
def test_what_is_no_toml_is_said_with_its_line(file: Path, raw: bytes, line: str) -> None:
    file.write_bytes(raw)
    message = refusal(file)
    assert message.startswith(f"{file}: ")
    assert line in message


def test_a_byte_order_mark_is_no_mistake(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf[run]\r\nmax_runs = 9\r\n")
    assert load_settings(file).run.max_runs == 9


# ---- which file


def test_a_file_that_is_asked_for_must_exist(file: Path) -> None:
    with pytest.raises(SettingsError, match=f"^{file}: there is no such file$") as caught:
        load_settings(file)
    assert caught.value.code == "settings.unreadable"
    assert HINTS["settings.unreadable"]


def test_a_file_that_cannot_be_read(file: Path) -> None:
    file.mkdir()
    with pytest.raises(SettingsError) as caught:
        load_settings(file)
    assert caught.value.code == "settings.unreadable"


def test_a_pipe_is_not_waited_for(file: Path) -> None:
    os.mkfifo(file)
    with pytest.raises(SettingsError) as caught:
        load_settings(file)
    assert caught.value.code == "settings.unreadable"


def test_an_endless_file(file: Path) -> None:
    file.touch()
    os.truncate(file, 1 << 30)
    with pytest.raises(SettingsError, match="larger than") as caught:
        load_settings(file)
    assert caught.value.code == "settings.unreadable"


def test_the_usual_places_are_tried_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, runs in ((tmp_path / "xdg", 7), (tmp_path / "home/.config", 8)):
        (folder / "openmv-ae3-station").mkdir(parents=True)
        (folder / "openmv-ae3-station/station.toml").write_text(f"run.max_runs = {runs}")
    assert load_settings().run.max_runs == 8
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert load_settings().run.max_runs == 7
    Path("config").mkdir()
    Path("config/station.toml").write_text("run.max_runs = 6")
    assert load_settings().run.max_runs == 6
    Path("config/station.toml").write_text("run.max_runs = 0")
    assert refused_here().startswith("config/station.toml: run.max_runs: found 0; allowed:")
    monkeypatch.setenv("STATION_CONFIG", str(tmp_path / "home/.config/openmv-ae3-station/station.toml"))
    assert load_settings().run.max_runs == 8


# ---- the environment and the command line


@pytest.mark.parametrize(
    ("name", "value", "key", "expected"),
    [
        ("RUN__VERIFY", "false", "verify", False),
        ("RUN__VERIFY", "0", "verify", False),
        ("RUN__VERIFY", " True ", "verify", True),
        ("RUN__MRAM", "never", "mram", "never"),
        ("RUN__MAX_ATTEMPTS", "5", "max_attempts", 5),
        ("RUN__BOOT_TIMEOUT_S", "12.5", "boot_timeout_s", 12.5),
        ("RUN__OPERATOR", "007", "operator", "007"),
        ("RUN__BATCH", "", "batch", None),
        ("RUN", '{"write": "all"}', "write", "all"),
    ],
)
def test_a_variable_sets_a_key(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, key: str, expected: object
) -> None:
    monkeypatch.setenv(f"STATION_{name}", value)
    assert getattr(load_settings().run, key) == expected


def test_the_short_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STATION_ID", "bench-3")
    monkeypatch.setenv("STATION_DATA_DIR", "elsewhere")
    settings = load_settings()
    assert settings.station_id == "bench-3"
    assert settings.data_dir == tmp_path / "here/elsewhere"
    monkeypatch.setenv("STATION_DATA_DIR", "~/x")
    assert load_settings().data_dir == tmp_path / "home/x"


def test_the_language_is_english_unless_it_is_set(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    assert load_settings().station.language == "en"
    file.write_text('station.language = "es"')
    assert load_settings(file).station.language == "es"
    monkeypatch.setenv("STATION_LANGUAGE", "zh_CN")
    assert load_settings(file).station.language == "zh_CN"
    monkeypatch.setenv("STATION_LANGUAGE", "zh")
    with pytest.raises(SettingsError, match=r"STATION_LANGUAGE.*zh_CN"):
        load_settings(file)


def test_slots_from_variables_keep_their_case(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    monkeypatch.setenv("STATION_SLOTS__A1", "1-1.4")
    file.write_text('slots.B1 = "1-2"')
    assert load_settings(file).slot_map.names == (("1-2", "B1"), ("1-1.4", "A1"))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("RUN__MAX_ATTEMPTS", "two", 'run.max_attempts: found "two"; allowed: a whole number from 1 to 20'),
        ("RUN__VERIFY", "perhaps", 'run.verify: found "perhaps"; allowed: true or false'),
        ("RUN__BOOT_TIMEOUT_S", "nan", "run.boot_timeout_s: found NaN"),
        ("RUN__VERFY", "true", 'run.verfy: unknown key, did you mean "verify"?'),
        ("RUN__VERIFY__X", "true", "run.verify: found"),
        ("RUN", "x", "found something that is not JSON"),
        ("RUN", '{"verify": 3}', "run.verify: found 3"),
        ("SLOTS", "[1]", "slots: found [1]; allowed: a table"),
        ("SLOTS__A1", "1:1", 'slots.A1: found "1:1"'),
        ("RECIPES__MINE", '["HX"]', 'recipes.mine: found ["HX"]; unknown step "HX"'),
        ("RUN__RECIPE", "ful", 'run.recipe: found "ful"'),
        (
            "RNU__VERIFY",
            "true",
            "unknown section; allowed: STATION, RUN, TEST, LINE, RECOVERY, BUNDLES, VERIFICATION, CENTRAL, DASHBOARD, "
            "ROLES, WEB, SCANNER, SLOTS, PRODUCT_SERIAL, UNIT_VALUES, ASK, OUTBOX, STACK_LIGHT, METRICS, "
            "CONTROLLERS, RECIPES",
        ),
        ("DATADIR", "/x", "unknown, did you mean STATION_DATA_DIR?"),
        ("RUN_VERIFY", "true", "unknown, did you mean STATION_RUN__VERIFY?"),
    ],
)
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    monkeypatch.setenv(f"STATION_{name}", value)
    message = refused_here()
    assert message.startswith(f"environment variable STATION_{name}: ")
    assert said in message


def test_json_without_end_in_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATION_SLOTS", "[" * 100_000)
    assert refused_here().startswith("environment: ")


def test_variables_of_others_are_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATION_RIG_ACCEL", "kvm")
    monkeypatch.setenv("STATION_IP", "10.0.0.1")
    monkeypatch.setenv("DATA_DIR", "/x")
    assert load_settings().run_options == RunOptions()


def test_the_command_line_beats_the_environment_beats_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text('[run]\nbatch = "file"\noperator = "file"\nbundle = "file"\nmax_runs = 9\n')
    monkeypatch.setenv("STATION_RUN__BATCH", "variable")
    monkeypatch.setenv("STATION_RUN__OPERATOR", "variable")
    run = load_settings(file, overrides={"run.batch": "typed", "run.bundle": None}).run
    assert (run.batch, run.operator, run.bundle, run.max_runs) == ("typed", "variable", "file", 9)


@pytest.mark.parametrize("overrides", [{"run.batch": "A", "run.max_runs": 1}, {"run": {"batch": "A", "max_runs": 1}}])
def test_overrides_are_dotted_or_nested(overrides: Mapping[str, object]) -> None:
    run = load_settings(overrides=overrides).run
    assert (run.batch, run.max_runs) == ("A", 1)


def test_the_data_folder_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATION_DATA_DIR", "/variable")
    assert load_settings(data_dir=Path("typed")).data_dir == tmp_path / "here/typed"
    assert load_settings(data_dir=Path("/typed")).data_dir == Path("/typed")
    assert load_settings().data_dir == Path("/variable")


def test_a_wrong_word_on_the_command_line() -> None:
    message = refused_here(overrides={"run.recipe": "nope"})
    assert message.startswith('command line: run.recipe: found "nope"; allowed: full, hp')


def test_a_mistake_in_the_file_is_said_although_it_is_overridden(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATION_RUN__MAX_RUNS", "3")
    assert refusal(file, "run.max_runs = 0").startswith(f"{file}: run.max_runs: found 0")


def test_a_clash_between_two_sources_is_said_of_the_upper(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATION_SLOTS__A2", "1-1")
    message = refusal(file, 'slots.A1 = "1-1"')
    assert '"A1" and "A2" are on one port' in message
