"""The picture of the code: `python -m tests.arrows [CHECKOUT]` prints each package of station with its modules, lines,
import floors and arrows.

A package's floors are the longest chain of its own modules that import each other (modules in a circle share a floor).
An arrow is one module's import of a module in another package; imports within functions and for types count too.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOP = "(top)"
"""Modules that stand in no package."""

Imports = Mapping[str, set[str]]
"""Which modules each module imports."""


@dataclass
class Package:
    """One folder below station/, with the folders in it."""

    modules: int = 0
    lines: int = 0
    floors: int = 0
    arrows: Counter[str] = field(default_factory=Counter)
    """By the package that is imported."""


def package_of(module: str, packages: set[str]) -> str:
    """The package that a module stands in."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in packages else TOP


def sources(checkout: Path) -> dict[str, Path]:
    """Every module of the station, by its dotted name."""
    found = {}
    for path in sorted((checkout / "station").rglob("*.py")):
        parts = path.relative_to(checkout).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(tree: ast.Module, known: Mapping[str, Path]) -> Iterator[str]:
    """The station's modules that a module names in its imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                if whole in known or node.module in known:
                    yield whole if whole in known else node.module


def floors(imports: Imports) -> int:
    """How many modules the longest chain has; a circle is one floor."""
    circles = _circles(imports)
    heights: dict[str, int] = {}

    def height(circle: str) -> int:
        if circle not in heights:
            below = {circles[other] for one, others in imports.items() if circles[one] == circle for other in others}
            heights[circle] = 1 + max((height(other) for other in below - {circle}), default=0)
        return heights[circle]

    return max(map(height, set(circles.values())), default=0)


def _circles(imports: Imports) -> dict[str, str]:
    """For each module the first of those that it is in a circle with, itself perhaps."""
    reached = {module: _reached(module, imports) for module in imports}
    return {
        module: min([module, *(other for other in reached[module] if module in reached[other])]) for module in imports
    }


def _reached(module: str, imports: Imports) -> set[str]:
    found: set[str] = set()
    waiting = [module]
    while waiting:
        for other in imports[waiting.pop()]:
            if other not in found:
                found.add(other)
                waiting.append(other)
    return found


def picture(checkout: Path) -> dict[str, Package]:
    """Every package of the station at `checkout`, by its name."""
    known = sources(checkout)
    packages = {path.parent.name for module, path in known.items() if path.name == "__init__.py" and "." in module}
    imports: dict[str, set[str]] = {}
    found: dict[str, Package] = {}
    for module, path in known.items():
        text = path.read_text(encoding="utf-8")
        imports[module] = set(imported(ast.parse(text), known)) - {module}
        package = found.setdefault(package_of(module, packages), Package())
        package.modules += 1
        package.lines += text.count("\n")
    for module, others in imports.items():
        home = package_of(module, packages)
        found[home].arrows.update(package_of(other, packages) for other in others)
    for name, package in found.items():
        del package.arrows[name]
        mine = {module for module in known if package_of(module, packages) == name}
        package.floors = floors({module: imports[module] & mine for module in mine})
    return found


def printed(found: Mapping[str, Package]) -> Iterator[str]:
    """The picture, line by line."""
    yield f"{'package':<12}{'modules':>8}{'lines':>7}{'floors':>7}{'arrows':>7}  to"
    for name, package in sorted(found.items()):
        to = ", ".join(f"{other} {count}" for other, count in package.arrows.most_common())
        yield f"{name:<12}{package.modules:>8}{package.lines:>7}{package.floors:>7}{package.arrows.total():>7}  {to}"
    every = found.values()
    sums = [sum(each.modules for each in every), sum(each.lines for each in every)]
    pairs = sum(len(each.arrows) for each in every)
    arrows = sum(each.arrows.total() for each in every)
    yield f"{'all':<12}{sums[0]:>8}{sums[1]:>7}{'':>7}{arrows:>7}  {pairs} pairs of packages"


if __name__ == "__main__":
    for line in printed(picture(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)):
        print(line)
