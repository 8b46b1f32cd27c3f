"""What IPC-CFX's own SDK reads: its C# classes as data, and values checked against them.

`python -m tests.unit.report.cfx.classes FOLDER` makes `classes.json` and `example.json` from a checkout of
IPCConnectedFactoryExchange/CFX (Apache License 2.0); those kept here are of its commit 880255d2 (version 2.1.1).
"""

from __future__ import annotations

import json
import re
import sys
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

HERE = Path(__file__).parent
_START = "CFX.CFXEnvelope", "CFX.Production.TestAndInspection.UnitsTested"
_PROPERTY = re.compile(r"public (?!class|abstract)(?:virtual )?([\w.<>?]+) (\w+)\s*\{[^{}]*?(?:get|\{)", re.DOTALL)
_CLASS = re.compile(r"public (abstract )?class (\w+)(?:\s*:\s*(\w+))?|abstract public class (\w+)")
_ENUM = re.compile(r"public enum (\w+)\s*\{(.*?)\}", re.DOTALL)
_CLR = ("string", "int", "double", "bool", "DateTime", "Guid", "object")


def read(folder: Path) -> dict[str, Any]:
    """The classes and enums of `UnitsTested`, its envelope, and all that these name, by full name."""
    known: dict[str, Any] = {}
    for file in sorted((folder / "CFX").rglob("*.cs")):
        text = file.read_text(encoding="utf-8-sig", errors="replace")
        code = re.sub(r"//.*", "", text)
        space = re.search(r"namespace ([\w.]+)", code)
        if space is None:
            continue
        name = f"{space[1]}.{file.stem}"
        if enum := _ENUM.search(code):
            members = re.sub(r"\[.*?\]|=\s*\w+", "", enum[2])
            known[name] = {"values": [word.strip() for word in members.split(",") if word.strip()]}
        elif found := _CLASS.search(code):
            own = "" if "OptIn" not in code else r"\[JsonProperty[^\]]*\]\s*"
            properties = re.findall(own + _PROPERTY.pattern, code, re.DOTALL)
            known[name] = {
                "base": found[3],
                "abstract": bool(found[1] or found[4]),
                "properties": {member: kind for kind, member in properties},
            }
            if base := re.search(r"abstract public class \w+\s*:\s*(\w+)", code):
                known[name]["base"] = base[1]
    return _reached(known)


def _reached(known: dict[str, Any]) -> dict[str, Any]:
    """Those that the start names, with their bases and with whatever is derived from what is abstract."""
    by_short = {name.rpartition(".")[2]: name for name in known}
    reached: dict[str, Any] = {}
    waiting = list(_START)
    while waiting:
        name = waiting.pop()
        if name in reached or name not in known:
            continue
        one = reached[name] = known[name]
        words = [word for kind in one.get("properties", {}).values() for word in re.findall(r"\w+", kind)]
        words += [one["base"]] if one.get("base") else []
        waiting += [by_short[word] for word in words if word in by_short]
        if one.get("abstract") and name != "CFX.CFXMessage":
            waiting += [other for other, of in known.items() if of.get("base") == name.rpartition(".")[2]]
    return dict(sorted(reached.items()))


def example(folder: Path) -> dict[str, Any]:
    """The first example in the documentation of `UnitsTested`."""
    text = (folder / "CFX/Production/TestAndInspection/UnitsTested.cs").read_text(encoding="utf-8-sig")
    found = re.search(r'<code language="none">(.*?)</code>', text, re.DOTALL)
    assert found is not None
    made: dict[str, Any] = json.loads(re.sub(r"^\s*///", "", found[1], flags=re.MULTILINE))
    return made


CLASSES: dict[str, Any] = json.loads((HERE / "classes.json").read_text()) if (HERE / "classes.json").exists() else {}
_BY_SHORT = {name.rpartition(".")[2]: name for name in CLASSES}


def problems(value: Any, kind: str, where: str = "") -> list[str]:
    """What is wrong with a value of a C# type, as Newtonsoft's JSON reader takes it with types by `$type`."""
    bare = kind.removesuffix("?")
    if value is None:
        return [] if kind != bare or bare not in ("int", "double", "bool", "DateTime", "Guid") else [f"{where}: null"]
    if listed := re.fullmatch(r"List<(\w+)>", bare):
        if not isinstance(value, list):
            return [f"{where}: no list"]
        return [said for at, one in enumerate(value) for said in problems(one, listed[1], f"{where}[{at}]")]
    if bare in _CLR and bare != "object":
        return [] if _is(value, bare) else [f"{where}: {value!r} is no {bare}"]
    if bare in _BY_SHORT and "values" in (one := CLASSES[_BY_SHORT[bare]]):
        return [] if value in one["values"] else [f"{where}: {value!r} is none of {one['values']}"]
    return _of_class(value, bare, where)


def _of_class(value: Any, declared: str, where: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where}: no object"]
    named = value.get("$type")
    if named is not None and next(iter(value)) != "$type":
        return [f"{where}: $type is not the first"]
    if named is None and (declared == "object" or CLASSES[_BY_SHORT[declared]]["abstract"]):
        return [f"{where}: no $type"]
    name = str(named).removesuffix(", CFX") if named else _BY_SHORT[declared]
    if name not in CLASSES:
        return [f"{where}: no class {name}"]
    bases = [one.rpartition(".")[2] for one in _with_bases(name)]
    found = [] if declared in ("object", *bases) else [f"{where}: {name} is no {declared}"]
    properties = properties_of(name)
    for member, inner in value.items():
        if member != "$type":
            there = f"{where}.{member}"
            found += problems(inner, properties[member], there) if member in properties else [f"{there}: unknown"]
    return found


def full_name(short: str) -> str:
    """The class that a name without its namespace means."""
    return _BY_SHORT[short]


def properties_of(name: str) -> dict[str, str]:
    """The properties of a class, with those of its bases, and their types."""
    found: dict[str, str] = {}
    for one in _with_bases(name):
        found |= CLASSES[one]["properties"]
    return found


def _with_bases(name: str) -> list[str]:
    bases = [name]
    while base := _BY_SHORT.get(CLASSES[bases[-1]]["base"] or ""):
        bases.append(base)
    return bases


def _is(value: Any, kind: str) -> bool:
    try:
        if kind == "Guid":
            return bool(UUID(value))
        if kind == "DateTime":
            return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False
    if kind == "bool" or isinstance(value, bool):
        return kind == "bool" and isinstance(value, bool)
    types: dict[str, Any] = {"string": str, "int": int, "double": (int, float)}
    return isinstance(value, types[kind])


if __name__ == "__main__":
    checkout = Path(sys.argv[1])
    for file_name, made in (("classes.json", read(checkout)), ("example.json", example(checkout))):
        (HERE / file_name).write_text(json.dumps(made, indent=1) + "\n")
