"""What can be configured: the sections of the file, their defaults and what is allowed. Strict, and frozen."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo

from station.board.board import Board
from station.board.chosen import BOARD
from station.board.serial_rule import SerialForm, SerialRule
from station.errors import UsageError
from station.model.batches import NAME_LIMIT
from station.model.functional_tests import FunctionalTests
from station.model.product_serials import ProductSerialRule
from station.model.recipes import Recipe, Step
from station.model.recovery_limits import RecoveryLimits
from station.model.runs import RunOptions
from station.model.sinks import Sink
from station.model.slots import SlotMap
from station.model.unit_marks import UnitMarks
from station.model.unit_values import UnitKey
from station.settings.ask_section import AskSection
from station.settings.board_recipes import ERASE_FILESYSTEM, INIT_MRAM, TESTS, recipes_of, steps_of
from station.settings.central_section import CentralSection
from station.settings.invalid_setting import shown, suggestion
from station.settings.metrics_section import MetricsSection
from station.settings.outbox_section import SinkSection
from station.settings.product_serial_section import ProductSerialSection
from station.settings.recovery_section import RecoverySection
from station.settings.screen_sections import DashboardSection, RolesSection, ScannerSection, WebSection
from station.settings.setting_rules import (
    BusNumber,
    ControllerPlace,
    EntryName,
    PortPath,
    Section,
    SlotName,
    Text,
    absolute_folder,
    known_zone,
    power_cycle_command,
)
from station.settings.stack_light_section import StackLightSection
from station.settings.unit_values_section import UnitValueSection, distinct_prefixes

STEPS: Mapping[str, Step] = steps_of(BOARD)
"""What a recipe can consist of: the words of the configuration and what they mean."""

BUILT_IN_RECIPES: Mapping[str, tuple[str, ...]] = recipes_of(BOARD)
"""The recipes that exist without a configuration; a file may override or add."""

ENTRIES: Mapping[str, str] = {
    "slots": 'a port path, for example "1-1.4.2"',
    "controllers": "a USB controller's place, as `station slots learn` writes it",
    "recipes": f"a list of steps: {', '.join(STEPS)}",
    "outbox": "a table with at least kind and to",
    "unit_values": "a table with pattern, prefix and required",
}
"""What a name in a table without fixed keys may be set to."""

PREFIX = "STATION_"
DELIMITER = "__"

_OPTIONS = RunOptions()
_TESTS = FunctionalTests()
_SENSOR_IDS = list(BOARD.application.sensor_ids) if BOARD.application else []
_Form = Literal["equal", "reversed", "alif_eui", "any"]
_SERIAL_FORMS: list[_Form] = [form.value for form in BOARD.serial.forms]
_A_NAME = f"text of at most {NAME_LIMIT} characters"


def _steps(steps: list[str]) -> list[str]:
    """Refuse what cannot be done: unknown or doubled steps, a chip erased after a write to it, a write after a test."""
    if not steps:
        raise ValueError(f"a recipe has at least one step; allowed: {', '.join(STEPS)}")
    for step in steps:
        if step not in STEPS:
            raise ValueError(f"unknown step {shown(step)}{suggestion(step, STEPS)}; allowed: {', '.join(STEPS)}")
        if steps.count(step) > 1:
            raise ValueError(f"step {shown(step)} stands there more than once")
    image = BOARD.recovery.image if BOARD.recovery else ""
    for step in (image, ERASE_FILESYSTEM):
        if INIT_MRAM in steps and step in steps and steps.index(INIT_MRAM) > steps.index(step):
            what = image if step == image else "the filesystem"
            raise ValueError(f"'init-mram' erases the chip that holds {what}, so it must stand before '{step}'")
    for before, step in pairwise(steps):
        if before in TESTS and step not in TESTS:
            raise ValueError(f"'{before}' asks the application, so it must stand behind '{step}'")
    return steps


class StationSection(Section):
    """`[station]`: its name, folder, screen's language and time zone. Empty text: the host's name, the usual folder,
    the machine's zone."""

    id: Text = Field(default="", max_length=64, validate_default=True, description="text of at most 64 characters")
    data_dir: Annotated[Path, BeforeValidator(absolute_folder)] = Field(
        default=Path(), validate_default=True, description="a folder, as text"
    )

    language: Literal["en", "zh_CN", "es"] = Field(default="en", description='"en", "zh_CN" or "es"')
    time_zone: Annotated[Text, AfterValidator(known_zone)] = Field(
        default="", description="the IANA name of a time zone, or empty"
    )
    location: Text | None = Field(default=None, max_length=NAME_LIMIT, description=_A_NAME)
    clock: Literal["synchronized", "by hand"] = Field(default="synchronized", description='"synchronized" or "by hand"')

    @field_validator("location")
    @classmethod
    def _empty_is_none(cls, value: str | None) -> str | None:
        return value or None

    @field_validator("id")
    @classmethod
    def _empty_is_the_host(cls, value: str) -> str:
        return value or socket.gethostname()[:64] or "station"


class RunSection(Section):
    """`[run]`: what a run means. Durations are seconds; an empty text stands for none."""

    verify: bool = Field(default=_OPTIONS.verify, description="true or false")
    confirm_boot: Literal["required", "optional", "off"] = Field(
        default=_OPTIONS.confirm_boot, description='"required", "optional" or "off"'
    )
    mram: Literal["auto", "always", "never"] = Field(default=_OPTIONS.mram, description='"auto", "always" or "never"')
    already_passed: Literal["check", "skip", "reflash"] = Field(
        default=_OPTIONS.already_passed, description='"check", "skip" or "reflash"'
    )
    write: Literal["changed", "all"] = Field(default=_OPTIONS.write, description='"changed" or "all"')
    max_attempts: int = Field(default=_OPTIONS.max_attempts, ge=1, le=20, description="a whole number from 1 to 20")
    attempt_limit_s: float = Field(
        default=_OPTIONS.attempt_limit_s, ge=0, le=86400, description="seconds, from 0 (no limit) to 86400"
    )
    boot_timeout_s: float = Field(
        default=_OPTIONS.boot_timeout_s, gt=0, le=3600, description="seconds, more than 0 and at most 3600"
    )
    boot_stays_s: float = Field(
        default=_OPTIONS.boot_stays_s, ge=0, le=600, description="seconds, from 0 (no wait) to 600"
    )
    return_window_s: float = Field(
        default=_OPTIONS.return_window_s, gt=0, le=600, description="seconds, more than 0 and at most 600"
    )
    max_runs: int = Field(default=_OPTIONS.max_runs, ge=1, le=1000, description="a whole number from 1 to 1000")
    unidentified: Literal["refuse", "flash"] = Field(default=_OPTIONS.unidentified, description='"refuse" or "flash"')
    application: Literal["leave", "take"] = Field(default="leave", description='"leave" or "take"')
    bootloader_timeout_s: float = Field(default=15.0, gt=0, le=600, description="seconds, more than 0 and at most 600")
    serial_forms: list[_Form] = Field(
        default=_SERIAL_FORMS,
        min_length=1,
        max_length=4,
        description='a list of "equal", "reversed", "alif_eui" and "any"',
    )
    purpose: Literal["production", "rework", "engineering", "verification"] = Field(
        default="production", description='"production", "rework", "engineering" or "verification"'
    )
    batch: Text | None = Field(default=None, max_length=NAME_LIMIT, description=_A_NAME)
    operator: Text | None = Field(default=None, max_length=NAME_LIMIT, description=_A_NAME)
    part_number: Text | None = Field(default=None, max_length=NAME_LIMIT, description=_A_NAME)
    hardware_revision: Text | None = Field(default=None, max_length=NAME_LIMIT, description=_A_NAME)
    recipe: Text = Field(default="full", description="the name of a recipe")
    bundle: Text | None = Field(default=None, max_length=200, description="the name of a bundle")

    @field_validator("batch", "operator", "part_number", "hardware_revision", "bundle")
    @classmethod
    def _empty_is_none(cls, value: str | None) -> str | None:
        return value or None


_Mode = Literal["off", "note", "required"]
_A_MODE = '"off", "note" or "required"'


class FunctionalTestSection(Section):
    """`[test]`: which tests of a recipe are made, whether they decide, and their limits. Durations are seconds."""

    version: _Mode = Field(default=_TESTS.version, description=_A_MODE)
    sensor: _Mode = Field(default=_TESTS.sensor, description=_A_MODE)
    picture: _Mode = Field(default=_TESTS.picture, description=_A_MODE)
    he: _Mode = Field(default=_TESTS.he, description=_A_MODE)
    files: _Mode = Field(default=_TESTS.files, description=_A_MODE)
    stays: _Mode = Field(default=_TESTS.stays, description=_A_MODE)
    sensor_ids: list[Annotated[int, Field(ge=1, le=0xFFFF_FFFF)]] = Field(
        default=_SENSOR_IDS, max_length=32, description="a list of whole numbers, for example [0x7936]"
    )
    picture_of: Literal["ramp", "light"] = Field(default=_TESTS.picture_of, description='"ramp" or "light"')
    brightness_low: float = Field(default=_TESTS.brightness_low, ge=0, le=255, description="a number from 0 to 255")
    brightness_high: float = Field(default=_TESTS.brightness_high, ge=0, le=255, description="a number from 0 to 255")
    he_answer_s: float = Field(
        default=_TESTS.he_answer_s, gt=0, le=60, description="seconds, more than 0 and at most 60"
    )
    stays_s: float = Field(default=_TESTS.stays_s, ge=0, le=600, description="seconds from 0 to 600")
    port_s: float = Field(default=_TESTS.port_s, gt=0, le=60, description="seconds, more than 0 and at most 60")
    answer_s: float = Field(default=_TESTS.answer_s, ge=0.5, le=60, description="seconds from 0.5 to 60")
    limit_s: float = Field(default=_TESTS.limit_s, ge=1, le=600, description="seconds from 1 to 600")
    tries: int = Field(default=_TESTS.tries, ge=1, le=5, description="a whole number from 1 to 5")

    @field_validator("brightness_high")
    @classmethod
    def _not_below_the_other(cls, value: float, others: ValidationInfo) -> float:
        if value < others.data.get("brightness_low", 0.0):
            raise ValueError("brightness_high must not be below brightness_low")
        return value


class LineSection(Section):
    """`[line]`: when the line stops, and how many workers wait in advance."""

    errors_in_a_row: int = Field(default=5, ge=0, le=1000, description="a whole number from 0 (never stop) to 1000")
    same_failures_in_a_row: int = Field(
        default=5, ge=0, le=1000, description="a whole number from 0 (never pause) to 1000"
    )
    slot_failures_in_a_row: int = Field(
        default=3, ge=0, le=1000, description="a whole number from 0 (never take a slot out) to 1000"
    )
    workers_spare: int = Field(default=2, ge=0, le=64, description="a whole number from 0 to 64")
    power_cycle: Annotated[Text, AfterValidator(power_cycle_command)] = Field(
        default="", max_length=400, description="a command with {port} and {hub}, or {port_path}; empty: none"
    )


class BundlesSection(Section):
    """`[bundles]`: which releases may be flashed."""

    require_signature: bool = Field(default=False, description="true or false")
    allow_demo: bool = Field(default=False, description="true or false")


class VerificationSection(Section):
    """`[verification]`: how long a slot that was verified stays so, and whether production needs it."""

    valid_h: float = Field(default=12.0, gt=0, le=744, description="hours, more than 0 and at most 744")
    require_verification: bool = Field(default=False, description="true or false")


class Settings(BaseModel):
    """All that is configured, frozen. `load_settings` makes it; built by hand it takes neither file nor variable."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    station: StationSection = Field(default_factory=StationSection, description="a table")
    run: RunSection = Field(default_factory=RunSection, description="a table")
    test: FunctionalTestSection = Field(default_factory=FunctionalTestSection, description="a table")
    line: LineSection = Field(default_factory=LineSection, description="a table")
    recovery: RecoverySection = Field(default_factory=RecoverySection, description="a table")
    bundles: BundlesSection = Field(default_factory=BundlesSection, description="a table")
    verification: VerificationSection = Field(default_factory=VerificationSection, description="a table")
    central: CentralSection = Field(default_factory=CentralSection, description="a table")
    dashboard: DashboardSection = Field(default_factory=DashboardSection, description="a table")
    roles: RolesSection = Field(default_factory=RolesSection, description="a table")
    web: WebSection = Field(default_factory=WebSection, description="a table")
    scanner: ScannerSection = Field(default_factory=ScannerSection, description="a table")
    slots: dict[SlotName, PortPath] = Field(
        default_factory=dict, strict=True, description='a table of NAME = "port path"'
    )
    product_serial: ProductSerialSection = Field(default_factory=ProductSerialSection, description="a table")
    unit_values: Annotated[dict[EntryName, UnitValueSection], AfterValidator(distinct_prefixes)] = Field(
        default_factory=dict, description="a table of KEY = a table"
    )
    ask: AskSection = Field(default_factory=AskSection, description="a table")
    outbox: dict[EntryName, SinkSection] = Field(default_factory=dict, description="a table of NAME = a table")
    stack_light: StackLightSection = Field(default_factory=StackLightSection, description="a table")
    metrics: MetricsSection = Field(default_factory=MetricsSection, description="a table")
    controllers: dict[BusNumber, ControllerPlace] = Field(
        default_factory=dict, strict=True, description='a table of BUS = "controller"'
    )
    recipes: dict[EntryName, Annotated[list[str], AfterValidator(_steps)]] = Field(
        default_factory=dict, strict=True, description='a table of NAME = ["step", ...]'
    )

    @field_validator("slots")
    @classmethod
    def _slots_are_distinct(cls, slots: dict[str, str]) -> dict[str, str]:
        at_port: dict[str, str] = {}
        spelled: dict[str, str] = {}
        for name, port_path in slots.items():
            if port_path in at_port:
                raise ValueError(f"{shown(at_port[port_path])} and {shown(name)} are on one port, {port_path}")
            if name.casefold() in spelled:
                raise ValueError(f"{shown(spelled[name.casefold()])} and {shown(name)} differ by letter case only")
            at_port[port_path] = spelled[name.casefold()] = name
        return slots

    @property
    def station_id(self) -> str:
        """The name of this station in every record."""
        return self.station.id

    @property
    def data_dir(self) -> Path:
        """The folder of the log, the bundles and the journal: absolute; it need not exist yet."""
        return self.station.data_dir

    @property
    def central_url(self) -> str:
        """The database of all stations, with its password; empty where there is none."""
        return self.central.url.get_secret_value()

    @property
    def run_options(self) -> RunOptions:
        """The settings that change what a run means."""
        return RunOptions(**{field.name: getattr(self.run, field.name) for field in fields(RunOptions)})

    @property
    def board(self) -> Board:
        """The kind of camera, with what this bench was taught about it."""
        forms = tuple(map(SerialForm, self.run.serial_forms))
        # A bench that was taught nothing expects what a public source names, and knows other forms besides.
        return BOARD if forms == BOARD.serial.forms else replace(BOARD, serial=SerialRule(forms, sourced=forms))

    @property
    def functional_tests(self) -> FunctionalTests:
        """How the tests of a recipe are made."""
        values = {field.name: getattr(self.test, field.name) for field in fields(FunctionalTests)}
        return FunctionalTests(**values | {"sensor_ids": tuple(self.test.sensor_ids)})

    @property
    def recovery_limits(self) -> RecoveryLimits:
        """How far a run goes to get a camera back."""
        return RecoveryLimits(
            **self.recovery.model_dump(),
            bootloader_timeout_s=self.run.bootloader_timeout_s,
            power_cycle=self.line.power_cycle,
        )

    @property
    def product_serial_rule(self) -> ProductSerialRule:
        """What a product serial looks like here."""
        return ProductSerialRule(self.product_serial.pattern, self.product_serial.check_digit)

    @property
    def unit_keys(self) -> tuple[UnitKey, ...]:
        """What is noted of units."""
        return tuple(section.key(name) for name, section in self.unit_values.items())

    @property
    def unit_marks(self) -> UnitMarks:
        """What tells units apart in the factory."""
        section = self.product_serial
        return UnitMarks(self.product_serial_rule, self.unit_keys, section.required, section.scan_waits_s)

    @property
    def sinks(self) -> tuple[Sink, ...]:
        """The factory's systems that hear of finished runs."""
        expected = self.unit_marks.scans_products
        return tuple(
            replace(section.sink(name), expects_product_serial=expected and section.kind == "zpl")
            for name, section in self.outbox.items()
        )

    @property
    def slot_map(self) -> SlotMap:
        """The slots of the bench; empty when every port is a slot."""
        return SlotMap(tuple((port_path, name) for name, port_path in self.slots.items()))

    @property
    def recipe_names(self) -> tuple[str, ...]:
        """Every recipe there is: the built-in ones first, then those that the configuration adds."""
        return tuple(dict.fromkeys([*BUILT_IN_RECIPES, *self.recipes]))

    def recipe(self, name: str) -> Recipe:
        """The recipe of a name; UsageError `usage.unknown_recipe` names the known ones."""
        steps = self.recipes.get(name) or BUILT_IN_RECIPES.get(name)
        if steps is None:
            known = self.recipe_names
            message = f"there is no recipe {shown(name)}{suggestion(name, known)}; known: {', '.join(known)}"
            raise UsageError("usage.unknown_recipe", message)
        return Recipe(name, tuple(STEPS[step] for step in steps))


SECRETS = frozenset({("central", "url")})
"""Keys whose values no message shows."""


def entry_fields(name: str) -> Mapping[str, FieldInfo]:
    """The keys of each entry of a table of tables; none for any other section."""
    sections: dict[str, type[Section]] = {"outbox": SinkSection, "unit_values": UnitValueSection}
    return sections[name].model_fields if name in sections else {}


def section_fields(name: str) -> Mapping[str, FieldInfo]:
    """The keys of a section of the file; none for a table whose names are free."""
    field = Settings.model_fields.get(name)
    section = field.annotation if field else None
    return section.model_fields if isinstance(section, type) and issubclass(section, BaseModel) else {}
