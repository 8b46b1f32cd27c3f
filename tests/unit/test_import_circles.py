"""No module of the dashboard needs itself by way of others: not at run time, not in a function, not for its types."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def imports_of(folder: Path, package: str) -> dict[str, set[str]]:
    """What each module of a package imports of it, wherever in the module that stands."""
    files = {_name(file, folder, package): file for file in folder.rglob("*.py")}
    return {name: set(_named(ast.parse(file.read_text("utf-8")))) & set(files) for name, file in files.items()}


def _name(file: Path, folder: Path, package: str) -> str:
    parts = file.relative_to(folder).with_suffix("").parts
    return ".".join((package, *(part for part in parts if part != "__init__")))


def _named(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def circle_in(imports: Mapping[str, set[str]]) -> list[str]:
    """The modules of one circle in their order; empty where there is none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_the_dashboard_imports_in_no_circle() -> None:
    imports = imports_of(ROOT / "station" / "dashboard", "station.dashboard")
    assert imports["station.dashboard.app"] > {"station.dashboard.state", "station.dashboard.pages.all_pages"}
    assert circle_in(imports) == []


@pytest.mark.parametrize(
    "back", ["from p.a import A", "def f():\n    from p import a", "if TYPE_CHECKING:\n    import p.a"]
)
def test_a_circle_is_found_wherever_the_import_stands(tmp_path: Path, back: str) -> None:
    (tmp_path / "a.py").write_text("from p.b import B")
    (tmp_path / "b.py").write_text(back)
    assert set(circle_in(imports_of(tmp_path, "p"))) == {"p.a", "p.b"}


def test_only_the_program_and_where_it_starts_know_the_program() -> None:
    imports = imports_of(ROOT / "station" / "dashboard", "station.dashboard")
    assert [name for name, named in imports.items() if "station.dashboard.app" in named] == ["station.dashboard.start"]
